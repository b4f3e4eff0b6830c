/** How long `zeroth up` takes from an empty state, and what the whole process tree then weighs. */
import { Instance } from '../test/e2e/instance.ts';
import { median, type Figure } from './figure.ts';
import { processTree, pssOf } from './process-tree.ts';

export async function startUp(runs = 7): Promise<Figure[]> {
  const times: number[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    const instance = await Instance.start();
    times.push((performance.now() - began) / 1000);
    sizes.push(pssOf(processTree(instance.pid)));
    await instance.remove();
  }
  return [
    {
      name: 'zeroth up, empty state → ready',
      value: median(times),
      unit: 's',
      target: 1.5,
      better: 'less',
      note: `median of ${runs}`,
    },
    {
      name: 'process tree, nothing deployed',
      value: median(sizes),
      unit: 'MiB PSS',
      target: 250,
      better: 'less',
      note: `median of ${runs}`,
    },
  ];
}
