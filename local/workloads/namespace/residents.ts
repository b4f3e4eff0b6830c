/** What every namespace has from the start: its default service account and, if known, the API server's CA. */
import { ConfigMap, Namespace, ServiceAccount } from '../../../api/core.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { ObjectKey, Reconciler } from '../../../kube/reconciler.ts';

const ACCOUNT = 'default';
const ROOT_CA = 'kube-root-ca.crt';

/** @param caCert PEM */
export function namespaceResidents(caCert: string | undefined): Reconciler<Namespace> {
  return {
    name: 'namespace-controller',
    kind: Namespace,
    owns: [],
    watches: [
      { type: ServiceAccount, keys: ({ metadata }) => namespaceIf(metadata, ACCOUNT) },
      { type: ConfigMap, keys: ({ metadata }) => namespaceIf(metadata, ROOT_CA) },
    ],

    async reconcile({ metadata: { name: namespace } }, { client, informer }) {
      if (informer(ServiceAccount).get(namespace, ACCOUNT) === undefined) {
        await unlessRefused(client.create(ServiceAccount, meta('v1', 'ServiceAccount', namespace, ACCOUNT)));
      }
      if (caCert === undefined) return;
      const data = { 'ca.crt': caCert };
      const map = informer(ConfigMap).get(namespace, ROOT_CA);
      if (map === undefined) {
        const made: ConfigMap = { ...meta('v1', 'ConfigMap', namespace, ROOT_CA), data };
        await unlessRefused(client.create(ConfigMap, made));
      } else if (map.data?.['ca.crt'] !== caCert) await client.patch(ConfigMap, namespace, ROOT_CA, { data });
    },
  };
}

function namespaceIf(metadata: { namespace?: string; name: string }, name: string): ObjectKey[] {
  return metadata.name === name ? [{ namespace: undefined, name: metadata.namespace ?? '' }] : [];
}

function meta(apiVersion: string, kind: string, namespace: string, name: string) {
  return { apiVersion, kind, metadata: { namespace, name } };
}

/** Made by another meanwhile, or the namespace is going away. */
async function unlessRefused(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof ApiError) || ![403, 404, 409].includes(error.code)) throw error;
  }
}
