/** From creating a Service to its Ready condition, with the default initial scale of one pod. */
import { createUntilReady, helloService, startBench } from './knative.ts';
import { median, percentile, type Figure } from './figure.ts';

export async function applyReady(runs = 15): Promise<Figure[]> {
  const bench = await startBench();
  try {
    const times: number[] = [];
    for (let i = 0; i < runs; i++) times.push(await createUntilReady(bench.client, helloService(`apply-${i}`)));
    const note = `median of ${runs}, p95 ${percentile(times, 95).toFixed(0)} ms`;
    return [
      { name: 'apply of a Service → Ready', value: median(times) / 1000, unit: 's', target: 1, better: 'less', note },
    ];
  } finally {
    await bench.close();
  }
}
