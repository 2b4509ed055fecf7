// Publishing by HTTP, as signed webhooks
export { HttpPublisher, isPermanent, type HttpPublisherOptions } from './http-publisher.js';
export { EndpointBusyError, HttpResponseError } from './http.errors.js';
export type { CloudEventsOptions } from '../cloud-events.js';
