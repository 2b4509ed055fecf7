import type { Context, Span } from '@opentelemetry/api';
import type { OutgoingMessage } from './core/message.js';
import type { Publisher } from './core/publisher.js';

type Api = typeof import('@opentelemetry/api');
type Headers = Readonly<Record<string, string>>;

/**
 * Carries the trace from where a message is published to where it is delivered: in its headers, in the W3C form. Does
 * nothing in an app without @opentelemetry/api.
 */
export class Tracing {
  private constructor(private readonly api: Api | undefined) {}

  /** The library is an optional peer. */
  static async load(): Promise<Tracing> {
    const api = await import('@opentelemetry/api').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
      throw error;
    });
    return new Tracing(api);
  }

  /** The headers that carry the current trace; none outside of one. */
  readonly headers = (): Headers => {
    const { api } = this;
    if (!api || !api.trace.getSpanContext(api.context.active())) return NONE;
    const headers: Record<string, string> = {};
    api.propagation.inject(api.context.active(), headers);
    return headers;
  };

  /**
   * Runs a delivery in a span of its own: a child of the publishing one where all messages have the same, else linked to
   * each.
   */
  async deliver<R>(
    name: string,
    messages: readonly Pick<OutgoingMessage, 'headers'>[],
    work: () => Promise<R>,
  ): Promise<R> {
    const { api } = this;
    if (!api) return work();
    const contexts = new Map<string | undefined, Context>();
    for (const { headers } of messages) {
      if (!contexts.has(headers['traceparent'])) {
        contexts.set(headers['traceparent'], api.propagation.extract(api.ROOT_CONTEXT, headers));
      }
    }
    const [parent = api.ROOT_CONTEXT] = contexts.values();
    const span = api.trace.getTracer('nestjs-turnpike').startSpan(
      name,
      {
        kind: api.SpanKind.PRODUCER,
        attributes: { 'messaging.batch.message_count': messages.length },
        links: [...contexts.values()].flatMap((context) => {
          const linked = api.trace.getSpanContext(context);
          return linked && contexts.size > 1 ? [{ context: linked }] : [];
        }),
      },
      contexts.size === 1 ? parent : api.ROOT_CONTEXT,
    );
    const around = api.trace.setSpan(contexts.size === 1 ? parent : api.ROOT_CONTEXT, span);
    return api.context.with(around, () => ended(api, span, work));
  }

  /** The publisher, each of whose calls is a span. */
  around(destination: string, publisher: Publisher): Publisher {
    if (!this.api) return publisher;
    return {
      ...(publisher.batchSize === undefined ? {} : { batchSize: publisher.batchSize }),
      ...(publisher.ordered === undefined ? {} : { ordered: publisher.ordered }),
      close: async () => publisher.close?.(),
      publish: (messages, context) =>
        this.deliver(`publish ${destination}`, messages, () => publisher.publish(messages, context)),
    };
  }
}

const NONE: Headers = Object.freeze({});

async function ended<R>(api: Api, span: Span, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    span.setStatus({ code: api.SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}
