// Draws docs/autoscaling.svg: what the autoscaler does with five load traces (serving/autoscaler/simulate.ts).
// usage: node scripts/autoscaling-plot.mjs [--check]   --check writes nothing and exits 1 when the file differs
import { build } from 'esbuild';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'docs', 'autoscaling.svg');
const dir = await mkdtemp(join(tmpdir(), 'autoscaling-plot-'));
const bundled = join(dir, 'simulate.mjs');
await build({
  stdin: {
    contents: "export * from './simulate.ts'; export * from './traces.ts';",
    resolveDir: join(root, 'serving', 'autoscaler'),
    loader: 'ts',
  },
  outfile: bundled,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
});
const { simulate, step, ramp, spike, sawtooth, longTail } = await import(pathToFileURL(bundled).href);
await rm(dir, { recursive: true });

/** Knative's defaults for a revision with containerConcurrency 10. */
const spec = {
  metric: 'concurrency',
  aggregation: 'linear',
  target: 7,
  total: 10,
  targetBurstCapacity: 211,
  maxScaleUpRate: 1000,
  maxScaleDownRate: 2,
  panicThreshold: 2,
  stableWindow: 60_000,
  panicWindow: 6_000,
  reachable: true,
  activationScale: 0,
  scaleDownDelay: 0,
  initialScale: 1,
  activatorCapacity: 100,
};

const panels = [
  ['Step: 70 requests at a time for two minutes', step(70, 120, 20, 100)],
  ['Ramp: 0 to 140 in two minutes', ramp(140, 120, 120)],
  ['Spike: 20 seconds of 140 on top of 7', spike(7, 140, 20)],
  ['Sawtooth: 0 to 70, every 40 seconds', sawtooth(70, 40, 6)],
  ['Long tail: mostly little, sometimes much', longTail(6, 240)],
];

const WIDTH = 900;
const HEIGHT = 170;
const LEFT = 44;
const RIGHT = 16;
const TOP = 30;
const BOTTOM = 24;

function panel([title, trace], index) {
  const samples = simulate(trace, spec, { startup: 2 });
  const top = index * HEIGHT;
  // One scale for load (in pods' worth) and pods.
  const most = Math.max(...samples.map(({ load, desired }) => Math.max(load / spec.target, desired)), 1);
  const x = (second) => LEFT + (second / samples.length) * (WIDTH - LEFT - RIGHT);
  const y = (pods) => top + HEIGHT - BOTTOM - (pods / most) * (HEIGHT - TOP - BOTTOM);
  const line = (value) => samples.map((s) => `${x(s.second).toFixed(1)},${y(value(s)).toFixed(1)}`).join(' ');
  const stairs = (value) =>
    samples
      .filter((s, i) => i === 0 || i === samples.length - 1 || value(s) !== value(samples[i - 1]))
      .map((s, i) => `${i === 0 ? 'M' : 'H'}${x(s.second).toFixed(1)}${i === 0 ? ',' : 'V'}${y(value(s)).toFixed(1)}`)
      .join('');
  const panics = runs(samples.map(({ panicking }) => panicking)).map(
    ([from, to]) =>
      `<rect class="panic" x="${x(from).toFixed(1)}" y="${top + TOP}" width="${(x(to) - x(from)).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}"/>`,
  );
  const ticks = [];
  for (let second = 0; second <= samples.length; second += 60)
    ticks.push(
      `<text class="tick" x="${x(second).toFixed(1)}" y="${top + HEIGHT - 8}" text-anchor="middle">${second} s</text>`,
    );
  return [
    `<text class="title" x="${LEFT}" y="${top + 18}">${title}</text>`,
    ...panics,
    `<line class="axis" x1="${LEFT}" y1="${y(0).toFixed(1)}" x2="${WIDTH - RIGHT}" y2="${y(0).toFixed(1)}"/>`,
    `<text class="tick" x="${LEFT - 6}" y="${(y(most) + 4).toFixed(1)}" text-anchor="end">${Math.round(most)}</text>`,
    `<text class="tick" x="${LEFT - 6}" y="${(y(0) + 4).toFixed(1)}" text-anchor="end">0</text>`,
    ...ticks,
    `<polyline class="load" points="${line((s) => s.load / spec.target)}"/>`,
    `<polyline class="stable" points="${line((s) => s.stable / spec.target)}"/>`,
    `<path class="desired" d="${stairs((s) => s.desired)}"/>`,
    `<path class="ready" d="${stairs((s) => s.ready)}"/>`,
  ].join('\n');
}

/** Stretches of true, as [from, to). */
function runs(flags) {
  const found = [];
  flags.forEach((flag, i) => {
    if (flag && !flags[i - 1]) found.push([i, i + 1]);
    else if (flag) found.at(-1)[1] = i + 1;
  });
  return found;
}

const legend = [
  ['load', 'load, in pods at 7 requests each'],
  ['stable', 'its mean over 60 s'],
  ['desired', 'pods wanted'],
  ['ready', 'pods ready (2 s to start)'],
].map(([name, text], i) => {
  const x = LEFT + i * 215;
  const y = panels.length * HEIGHT + 14;
  return `<line class="${name}" x1="${x}" y1="${y}" x2="${x + 22}" y2="${y}"/><text class="tick" x="${x + 28}" y="${y + 4}">${text}</text>`;
});

const height = panels.length * HEIGHT + 30;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Five load traces and the pods that the autoscaler wants for them">
<style>
svg { background: #fff; font-family: sans-serif; }
.title { font-size: 13px; font-weight: 600; fill: #222; }
.tick { font-size: 11px; fill: #555; }
.axis { stroke: #999; stroke-width: 1; }
.panic { fill: #fde9d9; }
polyline, path, line { fill: none; stroke-width: 1.5; }
.load { stroke: #bbb; }
.stable { stroke: #2f7fc1; stroke-dasharray: 4 3; }
.desired { stroke: #c0392b; }
.ready { stroke: #27864a; }
</style>
${panels.map(panel).join('\n')}
${legend.join('\n')}
</svg>
`;

if (!process.argv.includes('--check')) await writeFile(target, svg);
else if ((await readFile(target, 'utf8').catch(() => '')) !== svg) {
  console.error('docs/autoscaling.svg is not what the simulation draws (run node scripts/autoscaling-plot.mjs)');
  process.exit(1);
}
