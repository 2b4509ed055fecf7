import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import type { INestApplication } from '@nestjs/common';
import { register } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createApp } from '../../apps/demo/src/create-app.js';
import { openSqlite, type TestDatabase } from '../support/databases.js';

interface Query {
  readonly of: string;
  readonly expr: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string };
}

const textOf = (name: string): string => readFileSync(new URL(`../../docs/grafana/${name}`, import.meta.url), 'utf8');
const { panels } = JSON.parse(textOf('turnpike.json')) as { readonly panels: readonly Panel[] };
const { groups } = parse(textOf('alerts.yaml')) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const queries: Query[] = [
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ of: title, expr }))),
  ...rules.map(({ alert, expr }) => ({ of: alert, expr })),
];

/** What Prometheus adds to every series, and what a histogram's buckets have. */
const OF_PROMETHEUS = ['instance', 'job', 'le'];

/** Grafana puts them in before Prometheus sees the query. */
function asPrometheusGetsIt(expr: string): string {
  return expr.replaceAll(/\$__(rate_interval|range)/g, '5m');
}

/** The names of the metrics and labels in a query. Throws where it is not PromQL. */
function namesIn(expr: string): { readonly metrics: string[]; readonly labels: string[] } {
  const text = asPrometheusGetsIt(expr);
  const [metrics, labels]: [string[], string[]] = [[], []];
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) throw new SyntaxError(`${text}\n${' '.repeat(from)}^ is no PromQL`);
      if (type.name === 'Identifier') metrics.push(text.slice(from, to));
      if (type.name === 'LabelName') labels.push(text.slice(from, to));
    },
  });
  return { metrics, labels };
}

describe('The dashboard and the alerts for Grafana and Prometheus', () => {
  let database: TestDatabase;
  let demo: INestApplication;

  beforeAll(async () => {
    database = await openSqlite();
    demo = await createApp({ databaseUrl: database.url }, { logger: false });
    await demo.init();
  });

  afterAll(async () => {
    await demo.close();
    await database.close();
  });

  it.each(queries)('ask in PromQL for metrics and labels that an app has: $of', ({ expr }) => {
    const { metrics, labels } = namesIn(expr);
    const found = metrics.map((name) => register.getSingleMetric(name.replace(/_(bucket|sum|count)$/, '')));
    expect(found.every(Boolean), `of ${metrics.join(', ')}`).toBe(true);
    const known = found.flatMap((metric) => (metric as unknown as { labelNames: readonly string[] }).labelNames);
    expect([...known, ...OF_PROMETHEUS]).toEqual(expect.arrayContaining(labels));
  });

  it.each(rules)('name in an alert what its query gives: $alert', ({ expr, annotations }) => {
    const grouped = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? [];
    const named = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    expect(grouped).toEqual(expect.arrayContaining(named));
  });

  it('would not pass with a query that is wrong', () => {
    expect(() => namesIn('sum by (outbox (turnpike_outbox_pending)')).toThrow('is no PromQL');
    expect(namesIn('rate(turnpike_a{b="c"}[5m])')).toEqual({ metrics: ['turnpike_a'], labels: ['b'] });
  });
});
