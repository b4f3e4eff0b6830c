/** `zeroth logs`: the output of a pod, or of all pods of a Knative Service or Revision. */
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CoreV1Api, Log } from '@kubernetes/client-node';
import { CLUSTER_FLAGS, connect, serverError, type Cluster } from './cluster.ts';
import { CommandError, UsageError } from './errors.ts';
import type { Verb } from './verb.ts';

export const logs: Verb = {
  name: 'logs',
  summary: 'Show what the pods of a Service, a Revision or one pod wrote.',
  usage: 'NAME [-n NS] [-f] [--tail N] [--previous]',
  flags: {
    ...CLUSTER_FLAGS,
    follow: { type: 'boolean', short: 'f', help: 'go on as lines are written' },
    tail: { type: 'string', help: 'N|only the last N lines of each pod' },
    previous: { type: 'boolean', short: 'p', help: 'of the container before the last restart' },
    container: { type: 'string', short: 'c', help: 'NAME|container (default user-container, else the first)' },
  },
  examples: [
    'zeroth logs hello                # all pods of the Service hello',
    'zeroth logs -f hello-00001-deployment-7d4b9c-x2x9k',
    'zeroth logs hello --tail 20',
  ],
  positionals: [1, 1],
  async run(args) {
    const [name = ''] = args.positionals;
    const tail = args.text('tail');
    if (tail !== undefined && !/^\d+$/.test(tail))
      throw new UsageError(`--tail takes a number of lines, not "${tail}"`);
    const cluster = connect(args);
    const pods = await podsOf(cluster, name);
    const log = new Log(cluster.config);
    const read = async (pod: Found): Promise<void> => {
      const stream = new PassThrough();
      const done = pipeline(stream, process.stdout, { end: false });
      await log.log(cluster.namespace, pod.name, args.text('container') ?? pod.container, stream, {
        follow: args.flag('follow'),
        previous: args.flag('previous'),
        ...(tail === undefined ? {} : { tailLines: Number(tail) }),
      });
      await done;
    };
    try {
      if (args.flag('follow')) await Promise.all(pods.map(read));
      else for (const pod of pods) await read(pod);
    } catch (error) {
      throw serverError(error);
    }
    return 0;
  },
};

interface Found {
  readonly name: string;
  readonly container: string;
}

async function podsOf(cluster: Cluster, name: string): Promise<Found[]> {
  const api = cluster.config.makeApiClient(CoreV1Api);
  try {
    const { items } = await api.listNamespacedPod({ namespace: cluster.namespace });
    const found = items.filter((pod) => {
      const labels = pod.metadata?.labels ?? {};
      return [
        pod.metadata?.name,
        labels['serving.knative.dev/service'],
        labels['serving.knative.dev/revision'],
      ].includes(name);
    });
    if (found.length === 0)
      throw new CommandError(
        `no pod of "${name}" in namespace ${cluster.namespace}; a Service at zero has none until a request comes`,
      );
    return found.map((pod) => {
      const names = (pod.spec?.containers ?? []).map((container) => container.name);
      return {
        name: pod.metadata?.name ?? '',
        container: names.find((one) => one === 'user-container') ?? names[0] ?? '',
      };
    });
  } catch (error) {
    throw serverError(error);
  }
}
