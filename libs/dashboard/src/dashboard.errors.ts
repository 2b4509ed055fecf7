/** Base of everything that `dashboard` throws. */
export abstract class DashboardError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The dashboard cannot work in this app; the message says what to do. */
export class DashboardSetupError extends DashboardError {
  readonly code = 'TURNPIKE_DASHBOARD_SETUP';
}
