// @ts-check
/** @import { Point } from '../src/core/snapshot.js' */
import uPlot from './uPlot.esm.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { count, duration, rate } from './format.js';

/** @typedef {(value: number | null | undefined) => string} Format */
/** @typedef {{ name: keyof Point, title: string, color: string, fill?: boolean }} Series */

/** @type {readonly { title: string, unit: string, format: Format, series: readonly Series[] }[]} */
const PLOTS = [
  {
    title: 'Messages per second',
    unit: 'this process',
    format: rate,
    series: [
      { name: 'published', title: 'published', color: '--plot-1', fill: true },
      { name: 'delivered', title: 'delivered', color: '--plot-2' },
      { name: 'failed', title: 'failed', color: '--plot-4' },
    ],
  },
  {
    title: 'Lag',
    unit: 'all processes',
    format: duration,
    series: [{ name: 'lagMs', title: 'oldest to be sent', color: '--plot-3', fill: true }],
  },
  {
    title: 'Waiting',
    unit: 'all processes',
    format: count,
    series: [
      { name: 'pending', title: 'to be sent', color: '--plot-1', fill: true },
      { name: 'parked', title: 'parked', color: '--plot-3' },
    ],
  },
  {
    title: 'In flight',
    unit: 'this process',
    format: count,
    series: [{ name: 'inFlight', title: 'in calls of publishers', color: '--plot-2', fill: true }],
  },
];

const WINDOW_S = 300;
const LEAST_WINDOW_S = 60;
const HEIGHT = 150;
/** The steps of an axis of whole numbers. */
const WHOLE = Array.from({ length: 9 }, (_, power) => 10 ** power).flatMap((n) => [n, 2 * n, 5 * n]);
/** Points that are further apart have nothing between them: nobody looked. */
const GAP_MS = 5000;

/**
 * The plots of one outbox at a time.
 *
 * @returns {{ begin: (points: readonly Point[]) => void, add: (point: Point) => void }}
 */
export function plots() {
  /** @type {Point[]} */
  let points = [];
  const made = PLOTS.map((plot) => onePlot(plot));
  byId('plots').replaceChildren(...made.map(({ element }) => element));
  const draw = () => {
    for (const { draw } of made) draw(points);
  };
  // uPlot draws on a canvas, which knows nothing of the page's colours and width.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { restyle } of made) restyle();
    draw();
  });
  return {
    begin(history) {
      points = [...history];
      draw();
    },
    add(point) {
      const last = points.at(-1);
      if (last && point.atMs <= last.atMs) return;
      points.push(point);
      if (points.length > 3 * WINDOW_S) points = points.slice(-2 * WINDOW_S);
      draw();
    },
  };
}

/** @param {(typeof PLOTS)[number]} plot */
function onePlot({ title, unit, format, series }) {
  const canvas = h('div', { class: 'canvas', role: 'img', 'aria-label': title });
  const values = series.map(() => h('b', {}, '–'));
  const legend = series.map(({ title: name, color }, at) => {
    const swatch = h('i', {});
    swatch.style.background = `var(${color})`;
    return h('span', {}, swatch, `${name} `, values[at]);
  });
  const element = h(
    'div',
    { class: 'card plot' },
    h('h2', {}, title, ' ', h('small', {}, unit)),
    h('p', { class: 'legend', 'aria-hidden': 'true' }, ...legend),
    canvas,
  );
  /** @type {uPlot | undefined} */
  let chart;
  /** @type {uPlot.AlignedData} */
  let data = [[], ...series.map(() => [])];

  /** @param {number | null | undefined} at the point under the cursor; none: the newest */
  const showValues = (at) => {
    const index = at ?? data[0].length - 1;
    series.forEach((_, n) => setText(values[n] ?? element, format(data[n + 1]?.[index] ?? null)));
  };
  const make = () => {
    chart?.destroy();
    chart = new uPlot(
      optionsOf(series, format, canvas.clientWidth || 300, (at) => showValues(at)),
      data,
      canvas,
    );
  };
  new ResizeObserver(() => {
    if (chart && canvas.clientWidth > 0) chart.setSize({ width: canvas.clientWidth, height: HEIGHT });
  }).observe(canvas);

  return {
    element,
    restyle: make,
    /** @param {readonly Point[]} points */
    draw(points) {
      data = aligned(points, series);
      if (chart) chart.setData(data);
      else make();
      showValues(chart?.cursor.idx);
      const newest = series.map(({ title: name }, n) => `${name} ${format(data[n + 1]?.at(-1) ?? null)}`);
      setAttribute(canvas, 'aria-label', `${title}: ${newest.join(', ')}`);
    },
  };
}

/** Columns of numbers, as uPlot wants them, with a hole where nobody looked.
 * @param {readonly Point[]} points @param {readonly Series[]} series @returns {uPlot.AlignedData} */
function aligned(points, series) {
  /** @type {number[]} */
  const times = [];
  /** @type {(number | null)[][]} */
  const columns = series.map(() => []);
  let before = Number.POSITIVE_INFINITY;
  for (const point of points) {
    if (point.atMs - before > GAP_MS) {
      times.push((before + 1) / 1000);
      for (const column of columns) column.push(null);
    }
    before = point.atMs;
    times.push(point.atMs / 1000);
    series.forEach(({ name }, n) => columns[n]?.push(point[name]));
  }
  return [times, ...columns];
}

/**
 * @param {readonly Series[]} series @param {Format} format @param {number} width @param {(at: number | null | undefined) => void} onCursor
 * @returns {uPlot.Options}
 */
function optionsOf(series, format, width, onCursor) {
  const style = getComputedStyle(document.documentElement);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'turnpike' }, drag: { x: false, y: false }, points: { size: 6 } },
    hooks: { setCursor: [(chart) => onCursor(chart.cursor.idx)] },
    scales: {
      x: { range: (_chart, min, max) => span(min, max) },
      y: { range: (_chart, _min, max) => [0, Math.max(format === duration ? 10 : 1, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 30, space: 70, values: '{HH}:{mm}:{ss}' },
      {
        ...axis,
        size: 58,
        incrs: format === rate ? undefined : WHOLE,
        values: (_chart, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [
      {},
      ...series.map(({ title, color: name, fill }) => ({
        label: title,
        stroke: color(name),
        width: 1.75,
        fill: fill ? `${color(name)}22` : undefined, // as #rrggbb, with some of it seen through
        points: { show: false },
      })),
    ],
  };
}

/** Grows with what there is to show, up to the whole window. @param {number | null} first @param {number | null} last
 * @returns {[number, number]} */
function span(first, last) {
  const end = last ?? Date.now() / 1000;
  return [Math.max(end - WINDOW_S, Math.min(first ?? end, end - LEAST_WINDOW_S)), end];
}
