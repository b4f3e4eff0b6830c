/** `zeroth apply`: server-side apply of manifests, for a machine without kubectl. */
import { PatchStrategy, type KubernetesObject } from '@kubernetes/client-node';
import { CLUSTER_FLAGS, connect, serverError } from './cluster.ts';
import { readManifests } from './manifest-files.ts';
import type { Verb } from './verb.ts';

const FIELD_MANAGER = 'zeroth-apply';

export const apply: Verb = {
  name: 'apply',
  summary: 'Create or change objects from manifests.',
  usage: '-f FILE [-n NS]',
  flags: {
    filename: { type: 'string', short: 'f', multiple: true, help: 'FILE|file, folder or - ; may be repeated' },
    ...CLUSTER_FLAGS,
  },
  examples: [
    'zeroth apply -f service.yaml',
    'cat service.yaml | zeroth apply -f -',
    'zeroth apply -f examples/hello -n default',
  ],
  positionals: [0, 0],
  async run(args) {
    const manifests = await readManifests(args.all('filename'));
    const cluster = connect(args);
    for (const manifest of manifests) {
      const object = {
        ...manifest,
        metadata: { ...manifest.metadata, namespace: manifest.metadata.namespace ?? cluster.namespace },
      };
      try {
        const before = await cluster.objects.read(object).catch(() => undefined);
        const after: KubernetesObject = await cluster.objects.patch(
          object,
          undefined,
          undefined,
          FIELD_MANAGER,
          true,
          PatchStrategy.ServerSideApply,
        );
        const verb =
          before === undefined
            ? 'created'
            : before.metadata?.resourceVersion === after.metadata?.resourceVersion
              ? 'unchanged'
              : 'configured';
        process.stdout.write(`${nameOf(manifest)} ${verb}\n`);
      } catch (error) {
        throw serverError(error);
      }
    }
    return 0;
  },
};

/** `service.serving.knative.dev/hello`, as kubectl prints it. */
export function nameOf(object: { apiVersion: string; kind: string; metadata: { name: string } }): string {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${object.apiVersion.slice(0, slash)}`;
  return `${object.kind.toLowerCase()}${group}/${object.metadata.name}`;
}
