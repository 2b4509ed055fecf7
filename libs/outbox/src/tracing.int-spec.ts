import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '../../../test/support/databases.js';
import { outboxSuite } from '../../../test/support/outbox-suite.js';
import { RecordingPublisher } from './testing/index.js';

describe('Tracing', () => {
  const suite = outboxSuite(openSqlite);
  const exporter = new InMemorySpanExporter();
  const tracer = () => trace.getTracer('test');

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  });
  afterAll(() => {
    context.disable();
    propagation.disable();
    trace.disable();
  });

  it('continues the trace in which a message was published, around its publisher', async () => {
    const active: (string | undefined)[] = [];
    const recording = new RecordingPublisher();
    const app = await suite.start({
      publisher: {
        batchSize: 1,
        publish: (messages) => {
          active.push(trace.getSpanContext(context.active())?.traceId);
          return recording.publish(messages);
        },
      },
    });
    const traces: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      await tracer().startActiveSpan('request', async (span) => {
        traces.push(span.spanContext().traceId);
        await suite.publish(app, 'k', [n]);
        span.end();
      });
    }
    await suite.publish(app, 'k', ['outside of a trace']);
    await recording.arrived(3);
    expect(active.slice(0, 2)).toEqual(traces);
    expect(traces).not.toContain(active[2]);
    expect(recording.messages.map(({ headers }) => 'traceparent' in headers)).toEqual([true, true, false]);
    const spans = exporter.getFinishedSpans().filter(({ name }) => name === 'publish default');
    expect(spans).toHaveLength(3);
  });

  it('links a call to the traces of all its messages', async () => {
    exporter.reset();
    const recording = new RecordingPublisher(() => undefined, { batchSize: 10 });
    const app = await suite.start({ publisher: recording, relay: { processIntervalMs: 3_600_000 } });
    app.relay.pause();
    const traces: string[] = [];
    for (const key of ['a', 'b']) {
      await tracer().startActiveSpan('request', {}, ROOT_CONTEXT, async (span) => {
        traces.push(span.spanContext().traceId);
        await suite.publish(app, key, [key]);
        span.end();
      });
    }
    await app.relay.pump();
    app.relay.resume();
    await recording.arrived(2);
    await app.relay.pump();
    const [span] = exporter.getFinishedSpans().filter(({ name }) => name === 'publish default');
    expect(span?.links.map((link) => link.context.traceId).toSorted()).toEqual(traces.toSorted());
  });
});
