import { OutboxError, PublisherUnavailableError } from '../../outbox.errors.js';

/** An endpoint answered that it did not take a message now. */
export class HttpResponseError extends OutboxError {
  readonly code = 'TURNPIKE_HTTP_RESPONSE';

  constructor(
    message: string,
    readonly status: number,
    /** How long the endpoint asks to be left alone, in ms; undefined when it does not say. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(message);
  }
}

/** The one endpoint of a publisher asks to be left alone. */
export class EndpointBusyError extends PublisherUnavailableError {
  constructor(
    message: string,
    /** How long it asks to be left alone, in ms; undefined when it does not say. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(message);
  }
}
