import t from 'tap';
import { Pod } from '../../../api/core.ts';
import { silentLogger } from '../../../kube/log.ts';
import { limitTerminatedPods } from '../../../local/workloads/terminated-pods.ts';
import { startWorld, until } from './world.ts';

void t.test('ended pods beyond the limit go, those that run stay', async (t) => {
  const world = await startWorld(t);
  const { client, informers } = world;
  t.teardown(limitTerminatedPods({ client, informers, log: silentLogger, systemNamespace: 'x' }, 3));
  const phases = ['Succeeded', 'Failed', 'Running', 'Failed', 'Succeeded', 'Failed'];
  for (const [i, phase] of phases.entries()) {
    await client.create(Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p${i}`, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'one' }] },
    });
    await client.patch(Pod, 'default', `p${i}`, { status: { phase } }, { subresource: 'status' });
  }
  const left = await until(world, Pod, (all) => all.length === 4);
  t.ok(left.some(({ metadata }) => metadata.name === 'p2'));
});
