/** `zeroth delete`: deletes objects by manifest or by name, and waits until they are gone. */
import { apiVersionOf, resourcePath } from '../api/resource.ts';
import { nameOf } from './apply.ts';
import { CLUSTER_FLAGS, connect, ServerError, type Cluster } from './cluster.ts';
import { CommandError, UsageError } from './errors.ts';
import { findKind, kindOf } from './kinds.ts';
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
      const type = await kindOf(cluster, target);
      const path = resourcePath(type, target.metadata.namespace ?? cluster.namespace, target.metadata.name);
      await cluster.send({ method: 'DELETE', path });
      await waitGone(cluster, path, target);
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

async function waitGone(cluster: Cluster, path: string, target: Manifest): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    try {
      await cluster.send({ path });
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new CommandError(
    `${nameOf(target)} is still being deleted after ${PATIENCE / 1000} s; see its finalizers: zeroth get ${target.kind} ${target.metadata.name} -o yaml`,
  );
}
