// Telling the time
export { SystemClock, type Clock } from './core/clock.js';

// Trying again
export { exponential, type ExponentialPolicy } from './core/retry/exponential.js';
export { fixed, type FixedPolicy } from './core/retry/fixed.js';
export { linear, type LinearPolicy } from './core/retry/linear.js';
export { type RetryEnvironment, type RetryPolicy } from './core/retry/retry-policy.js';

// Checking options
export { checkDuration, checkInteger, checkOption } from './core/check-option.js';
