// Telling the time
export { SystemClock, type Clock } from './core/clock.js';

// Checking options
export { checkDuration, checkInteger, checkOption } from './core/check-option.js';
