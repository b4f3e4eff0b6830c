// Draws what the autoscaler does with the scenarios of serving/autoscaler/scenarios.ts, second by second.
// usage: node scripts/autoscaling-plot.mjs [--check]   --check writes nothing and exits 1 when a file differs
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadReplay, root } from './autoscaling-load.mjs';

const { simulate, SCENARIOS } = await loadReplay();

/** Which scenarios are drawn into which file, with their titles. */
const PLOTS = {
  'autoscaling.svg': {
    step: 'Step: 70 requests at a time for two minutes',
    ramp: 'Ramp: 0 to 140 in two minutes, held, then nothing',
    spike: 'Spike: 20 seconds of 140 on top of 7',
    sawtooth: 'Sawtooth: 0 to 70, every 40 seconds',
    'long tail': 'Long tail: mostly little, sometimes much',
    'overload in panic': 'Overload: 2000 for a minute, pods take 8 s to start',
  },
  'autoscaling-settings.svg': {
    'to zero with the last pod retained': 'window: 20s, scale-to-zero-pod-retention-period: 90s',
    'scale-down delay': 'scale-down-delay: 45s, under a sawtooth of 70 every 30 s',
    'activation scale': 'activation-scale: 5',
    'requests per second': 'metric: rps, target: 50, up to 900 requests per second',
    'slow up': 'max-scale-up-rate: 1.5, from 7 to 300 at a time, 5 s to start',
    'slow down': 'max-scale-down-rate: 1.1, from 140 to 7 at a time',
  },
};

const WIDTH = 900;
const HEIGHT = 170;
const LEFT = 44;
const RIGHT = 16;
const TOP = 30;
const BOTTOM = 24;

function panel([name, title], index) {
  const scenario = SCENARIOS.find((one) => one.name === name);
  const samples = simulate(scenario);
  const target = targetOf(scenario);
  const top = index * HEIGHT;
  // One scale for load (in pods' worth) and pods.
  const most = Math.max(...samples.map(({ load, desired }) => Math.max(load / target, desired)), 1);
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
    `<polyline class="load" points="${line((s) => s.load / target)}"/>`,
    `<polyline class="stable" points="${line((s) => s.stable / target)}"/>`,
    `<path class="desired" d="${stairs((s) => Math.max(0, s.desired))}"/>`,
    `<path class="replicas" d="${stairs((s) => s.replicas)}"/>`,
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

/** What a pod is aimed at: seven in ten of what it takes. */
function targetOf({ annotations = {}, containerConcurrency = 100 }) {
  return 0.7 * (annotations.metric === 'rps' ? Number(annotations.target ?? 200) : containerConcurrency);
}

const legend = (top) =>
  [
    ['load', 'load, in pods at 70 % use'],
    ['stable', 'its mean over the stable window'],
    ['desired', 'pods decided on'],
    ['replicas', 'asked for after bounds and delays'],
    ['ready', 'ready'],
  ]
    .map(([name, text], i) => {
      const x = LEFT + [0, 190, 395, 520, 745][i];
      const y = top + 14;
      return `<line class="${name}" x1="${x}" y1="${y}" x2="${x + 22}" y2="${y}"/><text class="tick" x="${x + 28}" y="${y + 4}">${text}</text>`;
    })
    .join('\n');

function draw(panels) {
  const height = panels.length * HEIGHT + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Load over time and the pods that the autoscaler wants for it">
<style>
svg { background: #fff; font-family: sans-serif; }
.title { font-size: 13px; font-weight: 600; fill: #222; }
.tick { font-size: 11px; fill: #555; }
.axis { stroke: #999; stroke-width: 1; }
.panic { fill: #fde9d9; }
polyline, path, line { fill: none; stroke-width: 1.5; }
.load { stroke: #bbb; }
.stable { stroke: #2f7fc1; stroke-dasharray: 4 3; }
.desired { stroke: #e0a090; }
.replicas { stroke: #c0392b; }
.ready { stroke: #27864a; }
</style>
${panels.map(panel).join('\n')}
${legend(panels.length * HEIGHT)}
</svg>
`;
}

for (const [file, panels] of Object.entries(PLOTS)) {
  const target = join(root, 'docs', file);
  const svg = draw(Object.entries(panels));
  if (!process.argv.includes('--check')) await writeFile(target, svg);
  else if ((await readFile(target, 'utf8').catch(() => '')) !== svg) {
    console.error(`docs/${file} is not what the replay draws (run node scripts/autoscaling-plot.mjs)`);
    process.exitCode = 1;
  }
}
