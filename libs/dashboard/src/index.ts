// Setting up
export { DashboardModule } from './dashboard.module.js';
export type { DashboardOptions, GuardFunction } from './dashboard.options.js';

// Errors
export { DashboardError, DashboardSetupError } from './dashboard.errors.js';
