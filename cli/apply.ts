/** `zeroth apply`: server-side apply of manifests, for a machine without kubectl. */
import type { Json } from '../api/object.ts';
import { resourcePath } from '../api/resource.ts';
import { APPLY_PATCH } from '../kube/transport.ts';
import { CLUSTER_FLAGS, connect, ServerError, type Cluster } from './cluster.ts';
import { isObject } from './json.ts';
import { kindOf } from './kinds.ts';
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
      const type = await kindOf(cluster, manifest);
      const namespace = manifest.metadata.namespace ?? cluster.namespace;
      const path = resourcePath(type, namespace, manifest.metadata.name);
      const before = await versionOf(cluster, path);
      const body = type.namespaced ? { ...manifest, metadata: { ...manifest.metadata, namespace } } : manifest;
      const answer = await cluster.send({
        method: 'PATCH',
        path: `${path}?fieldManager=${FIELD_MANAGER}&force=true&fieldValidation=Strict`,
        contentType: APPLY_PATCH,
        body,
      });
      const after = resourceVersion(answer);
      const done = before === undefined ? 'created' : before === after ? 'unchanged' : 'configured';
      process.stdout.write(`${nameOf(manifest)} ${done}\n`);
    }
    return 0;
  },
};

async function versionOf(cluster: Cluster, path: string): Promise<string | undefined> {
  try {
    return resourceVersion(await cluster.send({ path }));
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return undefined;
    throw error;
  }
}

function resourceVersion(object: Json): string | undefined {
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const version = isObject(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' ? version : undefined;
}

/** `service.serving.knative.dev/hello`, as kubectl prints it. */
export function nameOf(object: { apiVersion: string; kind: string; metadata: { name: string } }): string {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${object.apiVersion.slice(0, slash)}`;
  return `${object.kind.toLowerCase()}${group}/${object.metadata.name}`;
}
