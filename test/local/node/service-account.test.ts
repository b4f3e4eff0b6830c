import t from 'tap';
import { ConfigMap, Pod, ServiceAccount, type Container } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import { isReady, openCluster } from './cluster.ts';
import { until } from './until.ts';

const cluster = await openCluster(t, { https: true });
const { client } = cluster;
const skip = cluster.agent.limits.some((limit) => limit.startsWith('no private /dev')) && 'no private /run here';
const namespace = 'default';

interface Rbac extends KubeObject {
  readonly rules?: readonly object[];
  readonly roleRef?: object;
  readonly subjects?: readonly object[];
}
const [apiVersion, group] = ['rbac.authorization.k8s.io/v1', 'rbac.authorization.k8s.io'];
const Role = resourceType<Rbac>(apiVersion, 'Role', 'roles');
const RoleBinding = resourceType<Rbac>(apiVersion, 'RoleBinding', 'rolebindings');

const makeAccount = (name: string, more: Partial<ServiceAccount> = {}): Promise<ServiceAccount> =>
  client.create(ServiceAccount, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace }, ...more });

/** What any in-cluster client does. */
const LIST_PODS = `
const { readFileSync } = require('fs');
const at = '/var/run/secrets/kubernetes.io/serviceaccount/';
const read = (name) => readFileSync(at + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
require('https').get({ host, port, path: '/api/v1/namespaces/' + read('namespace') + '/pods', ca: read('ca.crt'),
  headers: { authorization: 'Bearer ' + read('token') } }, (r) => {
  let body = '';
  r.on('data', (d) => (body += d)).on('end', () => {
    const list = JSON.parse(body);
    console.log(r.statusCode, list.message ?? list.items.map((one) => one.metadata.name).join());
    setInterval(() => {}, 1e6);
  });
});
`;

const program = (text: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: process.execPath,
  args: ['-e', text],
  ...more,
});
const shell = (script: string): Container => ({ name: 'main', image: '/bin/sh', args: ['-c', script] });
const line = async (name: string, wanted: RegExp): Promise<void> => {
  await cluster.see(name, isReady);
  await until(async () => wanted.test(await cluster.log(name)), 15_000);
};

await client.create(ConfigMap, {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kube-root-ca.crt', namespace },
  data: { 'ca.crt': cluster.caCert },
});
await makeAccount('default');
await makeAccount('lister');
await client.create(Role, {
  apiVersion,
  kind: 'Role',
  metadata: { name: 'lister', namespace },
  rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
});
await client.create(RoleBinding, {
  apiVersion,
  kind: 'RoleBinding',
  metadata: { name: 'lister', namespace },
  roleRef: { apiGroup: group, kind: 'Role', name: 'lister' },
  subjects: [{ kind: 'ServiceAccount', name: 'lister', namespace }],
});

void t.test('a program reaches the API with what it finds, and may what its account may', { skip }, async (t) => {
  await cluster.run('lists', { serviceAccountName: 'lister', containers: [program(LIST_PODS)] });
  await line('lists', /^200 lists/m);
  await cluster.run('may-not', { containers: [program(LIST_PODS)] });
  await line('may-not', /^403 .*system:serviceaccount:default:default/m);
  const security = { securityContext: { runAsUser: 65534, runAsGroup: 65534 } };
  await cluster.run('nobody', { serviceAccountName: 'lister', containers: [program(LIST_PODS, security)] });
  await line('nobody', /^200 .*nobody/m);
  t.pass();
});

void t.test('who does not want them has none, and nobody can change them', { skip }, async (t) => {
  await makeAccount('private', { automountServiceAccountToken: false });
  const show = shell('ls /var/run/secrets/kubernetes.io/serviceaccount; echo shown; exec sleep 600');
  const write = shell('echo x > /var/run/secrets/kubernetes.io/serviceaccount/x; echo shown; exec sleep 600');
  await cluster.run('pod-says-no', { automountServiceAccountToken: false, containers: [show] });
  await cluster.run('account-says-no', { serviceAccountName: 'private', containers: [show] });
  await cluster.run('pod-says-yes', {
    serviceAccountName: 'private',
    automountServiceAccountToken: true,
    containers: [show],
  });
  await cluster.run('writer', { containers: [write] });
  for (const name of ['pod-says-no', 'account-says-no', 'pod-says-yes', 'writer']) await line(name, /^shown/m);
  t.equal(await cluster.log('pod-says-no'), 'shown\n');
  t.equal(await cluster.log('account-says-no'), 'shown\n');
  t.equal(await cluster.log('pod-says-yes'), 'ca.crt\nnamespace\ntoken\nshown\n');
  t.match(await cluster.log('writer'), /Read-only file system/);
});

void t.test('a volume of the manifest at that path is left alone', { skip }, async (t) => {
  const volumes = [{ name: 'own', emptyDir: {} }];
  const volumeMounts = [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }];
  const show = shell('ls /var/run/secrets/kubernetes.io/serviceaccount; echo shown; exec sleep 600');
  await cluster.run('own', { volumes, containers: [{ ...show, volumeMounts }] });
  await line('own', /^shown/m);
  t.equal(await cluster.log('own'), 'shown\n');
});

void t.test('an account that comes later reaches a pod that runs', { skip }, async (t) => {
  const watch = `while :; do cat /var/run/secrets/kubernetes.io/serviceaccount/token 2> /dev/null && echo; sleep 0.1; done`;
  await cluster.run('early', { serviceAccountName: 'later', containers: [shell(watch)] });
  await cluster.see('early', isReady);
  await makeAccount('later');
  await line('early', /^ey[\w-]+\.[\w-]+\.[\w-]+$/m);
  await client.delete(Pod, namespace, 'early', { gracePeriodSeconds: 0 });
  t.pass();
});
