/** What one change to one Service makes the controllers write, its client's own request left out. */
import { Service } from '../../api/serving/service.ts';
import type { Client } from '../../kube/client.ts';
import { MERGE_PATCH } from '../../kube/transport.ts';
import type { Instance } from '../../test/e2e/instance.ts';
import { difference, total, type Counters, type Writes } from './counters.ts';
import { settled } from './settled.ts';

export interface Change {
  readonly name: string;
  /** Makes it; the requests it sends itself are named in `own`. */
  readonly make: (client: Client) => Promise<unknown>;
  readonly own: string;
}

export interface ChangeCost {
  readonly change: string;
  /** Without the client's own request. */
  readonly writes: Writes;
  readonly total: number;
  /** Passes of the serving controllers. */
  readonly passes: number;
  /** From the request to the last write, ms; no finer than the counters are looked at. */
  readonly took: number;
}

/** Makes the changes one after another, waiting for rest in between. */
export async function costsOf(
  instance: Instance,
  client: Client,
  changes: readonly Change[],
  quiet: number,
): Promise<ChangeCost[]> {
  const costs: ChangeCost[] = [];
  let before: Counters = (await settled(instance, quiet)).counters;
  for (const { name, make, own } of changes) {
    const began = performance.now();
    await make(client);
    const { counters, at } = await settled(instance, quiet);
    const { writes: all, passes } = difference(counters, before);
    const writes = new Map([...all].map(([what, count]) => [what, what === own ? count - 1 : count] as const));
    for (const [what, count] of writes) if (count === 0) writes.delete(what);
    costs.push({ change: name, writes, total: total(writes), passes, took: at - began });
    before = counters;
  }
  return costs;
}

const OWN_PATCH = 'patch services.serving.knative.dev';

/** The life of one Service: made, changed in its template, traffic and labels, removed. */
export function lifeOf(service: Service): Change[] {
  const { name, namespace } = service.metadata;
  const patch = (body: unknown) => (client: Client) =>
    client.patch(Service, namespace, name, body, { contentType: MERGE_PATCH });
  const [container] = service.spec.template.spec.containers;
  const containers = [{ ...container, env: [{ name: 'TURN', value: '2' }] }];
  return [
    {
      name: 'a new Service',
      make: (client) => client.create(Service, service),
      own: 'create services.serving.knative.dev',
    },
    { name: 'a new template', make: patch({ spec: { template: { spec: { containers } } } }), own: OWN_PATCH },
    {
      name: 'traffic split in two',
      make: patch({
        spec: {
          traffic: [
            { revisionName: `${name}-00001`, percent: 50 },
            { revisionName: `${name}-00002`, percent: 50 },
          ],
        },
      }),
      own: OWN_PATCH,
    },
    { name: 'a label', make: patch({ metadata: { labels: { team: 'a' } } }), own: OWN_PATCH },
    {
      name: 'removal',
      make: (client) => client.delete(Service, namespace, name),
      own: 'delete services.serving.knative.dev',
    },
  ];
}
