/** What a hundred Services at zero cost while nobody asks for them. */
import { atZero, createUntilReady, startBench } from './knative.ts';
import type { Figure } from './figure.ts';
import { cpuOf, processTree, pssOf } from './process-tree.ts';

const SERVICES = 100;
const SETTLE = 5_000;
const WATCHED = 20_000;

export async function idle(): Promise<Figure[]> {
  const bench = await startBench();
  try {
    for (let i = 0; i < SERVICES; i += 10)
      await Promise.all(Array.from({ length: 10 }, (_, j) => createUntilReady(bench.client, atZero(`idle-${i + j}`))));
    await pause(SETTLE);
    const before = cpuOf(processTree(bench.instance.pid));
    await pause(WATCHED);
    const tree = processTree(bench.instance.pid);
    const share = ((cpuOf(tree) - before) / (WATCHED / 1000)) * 100;
    const note = `${SERVICES} Services, over ${WATCHED / 1000} s`;
    return [
      {
        name: '100 Services at zero, idle: processor',
        value: share,
        unit: '% of a core',
        target: 2,
        better: 'less',
        note,
      },
      {
        name: '100 Services at zero, idle: memory',
        value: pssOf(tree),
        unit: 'MiB PSS',
        target: 350,
        better: 'less',
        note,
      },
    ];
  } finally {
    await bench.close();
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
