/** `zeroth delete`: deletes objects by manifest or by name, and waits until they are gone. */
import { ApiException } from '@kubernetes/client-node';
import { apiVersionOf } from '../api/resource.ts';
import { nameOf } from './apply.ts';
import { CLUSTER_FLAGS, connect, serverError, type Cluster } from './cluster.ts';
import { CommandError, UsageError } from './errors.ts';
import { findKind } from './kinds.ts';
import { readManifests, type Manifest } from './manifest-files.ts';
import type { Arguments, Verb } from './verb.ts';

const PATIENCE = 60_000;

export const remove: Verb = {
  name: 'delete',
  summary: 'Delete objects, and wait until they are gone.',
  usage: '(-f FILE | KIND NAME…) [-n NS]',
  flags: {
    filename: { type: 'string', short: 'f', multiple: true, help: 'FILE|file, folder or - ; may be repeated' },
    ...CLUSTER_FLAGS,
  },
  examples: ['zeroth delete -f service.yaml', 'zeroth delete ksvc hello'],
  positionals: [0, 100],
  async run(args) {
    const cluster = connect(args);
    for (const target of await targets(cluster, args)) {
      const object = {
        ...target,
        metadata: { ...target.metadata, namespace: target.metadata.namespace ?? cluster.namespace },
      };
      try {
        await cluster.objects.delete(object);
      } catch (error) {
        throw serverError(error);
      }
      await waitGone(cluster, object);
      process.stdout.write(`${nameOf(target)} deleted\n`);
    }
    return 0;
  },
};

async function targets(cluster: Cluster, args: Arguments): Promise<Manifest[]> {
  if (args.all('filename').length > 0) return readManifests(args.all('filename'));
  const [word, ...names] = args.positionals;
  if (word === undefined || names.length === 0)
    throw new UsageError('zeroth delete needs -f FILE, or a kind and a name');
  const type = await findKind(cluster, word);
  return names.map((name) => ({ apiVersion: apiVersionOf(type), kind: type.kind, metadata: { name } }));
}

async function waitGone(cluster: Cluster, object: Manifest): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    try {
      await cluster.objects.read(object);
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return;
      throw serverError(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new CommandError(
    `${nameOf(object)} is still being deleted after ${PATIENCE / 1000} s; see its finalizers: zeroth get ${object.kind} ${object.metadata.name} -o yaml`,
  );
}
