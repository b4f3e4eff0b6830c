/** What is there from the first start on: namespaces, the `kubernetes` Service, the roles every cluster has. */
import type { KubeObject } from '../../api/object.ts';
import type { Transport } from '../../kube/transport.ts';
import { roles } from './bootstrap-roles.ts';
import type { Core } from './verbs/call.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Creates what is missing. All at once, so that it costs one sync. */
export async function bootstrap(core: Core, transport: Transport): Promise<void> {
  const post = async (path: string, body: object): Promise<void> => {
    const { status, body: answer } = await transport.request({ method: 'POST', path, body });
    if (status >= 400 && status !== 409) throw new Error(`bootstrap of ${path} failed: ${JSON.stringify(answer)}`);
  };
  const work: Promise<void>[] = [];
  for (const name of NAMESPACES)
    if (core.store.get('/namespaces', `/${name}`) === undefined)
      work.push(post('/api/v1/namespaces', { metadata: { name } }));
  if (core.store.get('/services', 'default/kubernetes') === undefined)
    work.push(post('/api/v1/namespaces/default/services', kubernetesService(core.ips.first)));
  for (const role of roles) {
    const plural = `${role.kind.toLowerCase()}s`;
    if (core.store.get(`rbac.authorization.k8s.io/${plural}`, `/${role.metadata.name}`) !== undefined) continue;
    work.push(post(`/apis/rbac.authorization.k8s.io/v1/${plural}`, role));
  }
  await Promise.all(work);
}

function kubernetesService(clusterIP: string): KubeObject & { spec: object } {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP, type: 'ClusterIP', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] },
  };
}
