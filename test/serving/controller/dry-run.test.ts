/** A Service whose pod could never be is refused when it is written, if that is asked for. */
import t from 'tap';
import type { Test } from 'tap';
import { ConfigMap } from '../../../api/core.ts';
import type { KubeObject } from '../../../api/object.ts';
import { resourcePath } from '../../../api/resource.ts';
import { Configuration } from '../../../api/serving/configuration.ts';
import { Service } from '../../../api/serving/service.ts';
import { SERVING_NAMESPACE } from '../../../api/zeroth.ts';
import { installManifests } from '../../../cli/install.ts';
import type { AdmissionContext } from '../../../kube/admission.ts';
import type { Client } from '../../../kube/client.ts';
import type { Status } from '../../../kube/errors.ts';
import { podDryRun } from '../../../serving/controller/dry-run.ts';
import { servingAdmissions } from '../../../serving/controller/admission.ts';
import { startServer } from '../../local/apiserver/support.ts';

const ANNOTATION = 'features.knative.dev/podspec-dryrun';
const GOOD = { containers: [{ image: 'dev.local/hello' }] };
/** Right by all of Knative's rules, but no pod: a name that no container may have. */
const BAD = { containers: [{ image: 'dev.local/hello', name: '&lives' }] };
const WHY =
  /^admission webhook "validation\.webhook\.serving\.knative\.dev" denied the request: validation callback failed: dry run failed with Pod "dry-run-validation\w*" is invalid: spec\.containers\[0\]\.name: Invalid value: "&lives": .*: spec\.template$/;

const CONTEXT: AdmissionContext = {
  operation: 'CREATE',
  subresource: undefined,
  dryRun: false,
  username: 'me',
  now: '2026-01-01T00:00:00Z',
  config: () => ({}),
};

async function start(t: Test) {
  const { server, client } = await startServer(t, { admissions: servingAdmissions });
  await installManifests(client, 'localhost');
  const create = async (type: typeof Service | typeof Configuration, object: object, dryRun = false) => {
    const path = resourcePath(type, 'default');
    const query = dryRun ? { dryRun: 'All' } : {};
    return server.transport.request({ method: 'POST', path, query, body: object });
  };
  return { client, create };
}

function service(name: string, spec: object, mode?: string) {
  const annotations = mode === undefined ? {} : { [ANNOTATION]: mode };
  const metadata = { name, namespace: 'default', annotations };
  return { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata, spec: { template: { spec } } };
}

const flag = (client: Client, value: string) =>
  client.patch(ConfigMap, SERVING_NAMESPACE, 'config-features', { data: { 'kubernetes.podspec-dryrun': value } });

t.test('a dry run of a Service tries its pod', async (t) => {
  const { client, create } = await start(t);
  t.match(await create(Service, service('a', BAD), true), { status: 400, body: { message: WHY } });
  t.match(await create(Service, service('a', GOOD), true), { status: 201 });
  t.equal(await client.find(Service, 'default', 'a'), undefined);
  t.match(await create(Service, service('a', BAD)), { status: 201 }, 'without being asked it is not tried');
  await flag(client, 'disabled');
  t.match(await create(Service, service('b', BAD), true), { status: 400 }, 'whatever the flag says');
});

t.test('the annotation and the flag ask for it', async (t) => {
  const { client, create } = await start(t);
  t.match(await create(Service, service('a', BAD, 'enabled')), { status: 400, body: { message: WHY } });
  t.match(await create(Service, service('a', BAD, 'strict')), { status: 400, body: { message: WHY } });
  t.match(await create(Service, service('a', BAD, 'whatever')), { status: 201 });
  await flag(client, 'enabled');
  t.match(await create(Service, service('b', BAD)), { status: 400, body: { message: WHY } });
  t.match(await create(Service, service('b', GOOD)), { status: 201 });
  const update = { ...(await client.get(Service, 'default', 'b')), ...{ spec: { template: { spec: BAD } } } };
  await t.rejects(client.update(Service, update as unknown as Service), { message: WHY });
  await flag(client, 'disabled');
  t.match(await create(Service, service('c', BAD, 'strict')), { status: 201 });
});

t.test('a Configuration is tried unless a Service was', async (t) => {
  const { create } = await start(t);
  const configuration = (labels: object) => {
    const { metadata, spec } = service('a', BAD, 'enabled');
    const kind = { apiVersion: 'serving.knative.dev/v1', kind: 'Configuration' };
    return { ...kind, metadata: { ...metadata, labels }, spec };
  };
  t.match(await create(Configuration, configuration({})), { status: 400, body: { message: WHY } });
  const owned = configuration({ 'serving.knative.dev/service': 'a' });
  t.equal(podDryRun(owned as unknown as KubeObject, CONTEXT), undefined);
  t.not(podDryRun(configuration({}) as unknown as KubeObject, CONTEXT), undefined);
});

t.test('webhooks for pods that cannot be dry-run are an excuse, but for strict ones', async (t) => {
  const message = 'admission webhook "pods.example.com" does not support dry run';
  const answer = { status: 400, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, message } as Status };
  const api = { request: () => Promise.resolve(answer), watch: () => ({ close: () => undefined }) };
  const tried = (mode: string) => podDryRun(service('a', GOOD, mode) as unknown as KubeObject, CONTEXT)?.(api);
  t.equal(await tried('enabled'), undefined);
  t.equal(await tried('strict'), `dry run failed with ${message}: spec.template`);
});
