/** The HTTPS listener: who gets in, what bad input gets, and the forms an answer can take. */
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { generateKeyPairSync, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { ConfigMap, Pod, ServiceAccount } from '../../../api/core.ts';
import { issueCertificate } from '../../../kube/certificate.ts';
import { readBody } from '../../../local/apiserver/http/request-body.ts';
import { openPki } from '../../../local/apiserver/pki.ts';
import { startListening } from './https.ts';
import { temporaryFolder } from './support.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

t.test('only who can prove it gets in; health is for all', async (t) => {
  const { send } = await startListening(t);
  const cases: [authorization: string, path: string, status: number][] = [
    ['Bearer wrong', MAPS, 401],
    ['', MAPS, 401],
    ['Basic YTpi', MAPS, 401],
    ['', '/apis', 401],
    ['', '/healthz', 200],
    ['', '/readyz', 200],
    ['', '/livez', 200],
    ['', '/version', 200],
    ['Bearer wrong', '/version', 401],
  ];
  for (const [authorization, path, status] of cases) {
    const answer = await send('GET', path, undefined, { authorization });
    t.equal(answer.status, status, `${authorization} ${path}`);
    if (status === 401) t.match(answer.json, { kind: 'Status', reason: 'Unauthorized', code: 401 });
  }
});

t.test('a service account gets what its roles allow', async (t) => {
  const { send, client } = await startListening(t);
  await client.create(ServiceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'robot', namespace: 'default' },
  });
  const asked = await send('POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', { spec: {} });
  const { token } = (asked.json as { status: { token: string } }).status;
  const as = { authorization: `Bearer ${token}` };
  t.match((await send('GET', MAPS, undefined, as)).json, {
    code: 403,
    message:
      'configmaps is forbidden: User "system:serviceaccount:default:robot" cannot list resource "configmaps" in API group "" in the namespace "default"',
  });
  t.equal((await send('GET', '/apis', undefined, as)).status, 200, 'discovery is for every account');
  const subjects = [{ kind: 'ServiceAccount', name: 'robot', namespace: 'default' }];
  await send('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    metadata: { name: 'robot' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects,
  });
  t.equal((await send('GET', MAPS, undefined, as)).status, 200);
  await client.delete(ServiceAccount, 'default', 'robot');
  t.equal((await send('GET', MAPS, undefined, as)).status, 401, 'a token dies with its account');
});

t.test('a client certificate of the CA says who one is', async (t) => {
  const { dir, pki, port } = await startListening(t);
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const caKey = createPrivateKey(await readFile(join(dir, 'pki', 'ca.key')));
  const cert = await issueCertificate(
    {
      commonName: 'alice',
      organizations: ['system:masters'],
      publicKey: pair.publicKey,
      notBefore: new Date(Date.now() - 1000),
      notAfter: new Date(Date.now() + 60_000),
      usage: 'client',
    },
    { commonName: 'zeroth-ca', privateKey: caKey },
  );
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const answer = await new Promise<string>((resolve, reject) => {
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const options = { host: '127.0.0.1', port, ca: pki.caCert, cert, key, method: 'POST', path };
    const request = httpsRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    request.on('error', reject).end(body);
  });
  t.match(JSON.parse(answer), { status: { userInfo: { username: 'alice' } } });
});

t.test('bad input gets a 4xx, and nothing else is disturbed', async (t) => {
  const { send, port, pki } = await startListening(t);
  const large = JSON.stringify(configMap('large', { x: 'x'.repeat(3 * 1024 * 1024) }));
  const cases: [name: string, body: string, headers: Record<string, string>, status: number][] = [
    ['no JSON', '{"a":', {}, 400],
    ['too large', large, {}, 413],
    ['another type', 'x', { 'content-type': 'text/plain' }, 415],
    ['broken protobuf', 'k8s\0\xff\xff', { 'content-type': 'application/vnd.kubernetes.protobuf' }, 400],
    ['broken YAML', 'a: [', { 'content-type': 'application/yaml' }, 400],
    ['a wrong type', '{"metadata":{"name":"x"},"data":{"a":5}}', {}, 400],
  ];
  for (const [name, body, headers, status] of cases) {
    const answer = await send('POST', MAPS, body, { 'content-type': 'application/json', ...headers });
    t.equal(answer.status, status, `${name}: ${answer.text.slice(0, 200)}`);
    t.match(answer.json, { kind: 'Status', status: 'Failure' }, name);
  }
  t.equal((await send('GET', '/api/v1/namespaces/%zz/pods')).status, 400);
  t.equal((await send('PATCH', `${MAPS}/x`, '{}', { 'content-type': 'application/json' })).status, 415);
  const raw = await new Promise<string>((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: pki.caCert }, () => socket.write('NONSENSE\r\n\r\n'));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject).on('close', () => resolve(text));
  });
  t.match(raw, /^HTTP\/1\.1 400 /);
  t.equal((await send('GET', MAPS)).status, 200);
});

t.test('a body that does not come is waited for only so long', async (t) => {
  const server = createServer((request, response) => {
    void readBody(request, 50).then(
      () => response.end('read'),
      (error: Error) => response.end(error.message),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port });
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  t.match(answer.toString(), /the body of the request took too long to arrive/);
  socket.destroy();
});

t.test('the forms of an answer', async (t) => {
  const { send, client } = await startListening(t);
  await client.create(ConfigMap, configMap('a', { x: '1' }));
  const list = await send('GET', MAPS);
  t.match(list.json, { kind: 'ConfigMapList', apiVersion: 'v1', items: [{ metadata: { name: 'a' } }] });
  t.notOk('kind' in (list.json as { items: object[] }).items[0]!, 'items do not repeat what the list says');
  const table = await send('GET', MAPS, undefined, { accept: TABLE });
  t.match(table.json, {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: /\d+/ },
    rows: [{ object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } }],
  });
  const partial = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
  t.match((await send('GET', MAPS, undefined, { accept: partial })).json, {
    kind: 'PartialObjectMetadataList',
    items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'a' } }],
  });
  const yaml = await send('GET', `${MAPS}/a`, undefined, { accept: 'application/yaml' });
  t.match(yaml.text, /^ {2}x: "1"$/m);
  const protobuf = 'application/vnd.kubernetes.protobuf';
  t.equal((await send('GET', MAPS, undefined, { accept: protobuf })).status, 406);
  t.equal((await send('GET', MAPS, undefined, { accept: `${protobuf},application/json` })).status, 200);
  const fromYaml = await send('POST', MAPS, 'metadata:\n  name: y\ndata: {a: b}\n', {
    'content-type': 'application/yaml',
  });
  t.match(fromYaml, { status: 201, json: { data: { a: 'b' } } });
  await client.create(ConfigMap, configMap('big', { x: 'x'.repeat(300_000) }));
  const packed = await send('GET', MAPS, undefined, { 'accept-encoding': 'gzip' });
  t.equal(packed.headers['content-encoding'], 'gzip');
});

t.test('unknown fields: warned about, or refused when strict', async (t) => {
  const { send } = await startListening(t);
  const body = { ...configMap('a'), spec: { x: 1 } };
  const json = { 'content-type': 'application/json' };
  const warned = await send('POST', `${MAPS}?fieldValidation=Warn`, body, json);
  t.equal(warned.status, 201);
  t.match(String(warned.headers.warning), /^299 - "unknown field \\"spec/);
  const strict = await send('POST', `${MAPS}?fieldValidation=Strict`, { ...body, metadata: { name: 'b' } }, json);
  t.match(strict, { status: 400, json: { message: /strict decoding error: unknown field "spec/ } });
});

t.test('discovery, whole and in parts', async (t) => {
  const { send } = await startListening(t);
  t.match((await send('GET', '/api')).json, { kind: 'APIVersions', versions: ['v1'] });
  t.match((await send('GET', '/apis/apps')).json, { kind: 'APIGroup', preferredVersion: { groupVersion: 'apps/v1' } });
  t.match((await send('GET', '/apis/autoscaling')).json, { versions: [{ version: 'v2' }, { version: 'v1' }] });
  const core = (await send('GET', '/api/v1')).json as { resources: { name: string }[] };
  const pods = core.resources.find((one) => one.name === 'pods');
  t.match(pods, { kind: 'Pod', namespaced: true, singularName: 'pod', shortNames: ['po'], categories: ['all'] });
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
  const whole = await send('GET', '/apis', undefined, { accept });
  t.match(whole.headers['content-type'], /as=APIGroupDiscoveryList/);
  const groups = (whole.json as { items: { metadata: { name: string } }[] }).items;
  t.ok(groups.some((group) => group.metadata.name === 'apiextensions.k8s.io'));
  const etag = String(whole.headers.etag);
  t.equal((await send('GET', '/apis', undefined, { accept, 'if-none-match': etag })).status, 304);
  t.match((await send('GET', '/version')).json, { major: '1', minor: '34' });
  t.match((await send('GET', '/openapi/v3')).json, { paths: { 'apis/apps/v1': { serverRelativeURL: /^\/openapi/ } } });
  t.equal((await send('GET', '/apis/nothing/v1')).status, 404);
});

t.test('a watch over HTTP/2 and one over HTTP/1.1 see the same lines', async (t) => {
  const { client, port, pki } = await startListening(t);
  const path = `${MAPS}?watch=true&timeoutSeconds=60`;
  const headers = { authorization: `Bearer ${pki.token}` };
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: pki.caCert });
  t.teardown(() => session.destroy());
  const stream = session.request({ [constants.HTTP2_HEADER_PATH]: path, ...headers });
  const answered = new Promise((resolve) => stream.once('response', resolve));
  const overHttp2 = lines(stream);
  const overHttp1 = await new Promise<AsyncGenerator<string>>((resolve, reject) => {
    const request = httpsRequest({ host: '127.0.0.1', port, ca: pki.caCert, path, headers }, (response) => {
      t.teardown(() => response.destroy());
      resolve(lines(response));
    });
    request.on('error', reject).end();
  });
  await answered;
  await client.create(ConfigMap, configMap('a'));
  await client.delete(ConfigMap, 'default', 'a');
  for (const expected of ['ADDED', 'DELETED']) {
    const [one, two] = [await overHttp2.next(), await overHttp1.next()];
    t.match(JSON.parse(String(one.value)), { type: expected, object: { kind: 'ConfigMap', metadata: { name: 'a' } } });
    t.equal(one.value, two.value);
  }
  stream.close();
});

t.test('a watch of tables names its columns once', async (t) => {
  const { client, port, pki } = await startListening(t);
  await client.create(ConfigMap, configMap('a'));
  await client.create(ConfigMap, configMap('b'));
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: pki.caCert });
  t.teardown(() => session.destroy());
  const stream = session.request({
    [constants.HTTP2_HEADER_PATH]: `${MAPS}?watch=1`,
    authorization: `Bearer ${pki.token}`,
    accept: TABLE,
  });
  const read = lines(stream);
  const first = JSON.parse(String((await read.next()).value)) as { object: object };
  t.match(first.object, { kind: 'Table', rows: [{ cells: ['a', 0, /s$/] }] });
  t.ok((first.object as { columnDefinitions: unknown }).columnDefinitions);
  const second = JSON.parse(String((await read.next()).value)) as { object: object };
  t.equal((second.object as { columnDefinitions: unknown }).columnDefinitions, null);
  stream.close();
});

t.test('a folder keeps its CA; secrets are for its owner alone', async (t) => {
  const dir = await temporaryFolder(t);
  const first = await openPki(dir);
  const again = await openPki(dir);
  t.strictSame(again, first);
  t.equal((await stat(first.tokenFile)).mode & 0o777, 0o600);
  t.equal((await stat(join(dir, 'ca.key'))).mode & 0o777, 0o600);
  const named = await openPki(dir, { names: ['127.42.128.1', 'zeroth.example'] });
  const certificate = new X509Certificate(named.cert);
  t.equal(named.caCert, first.caCert);
  t.ok(certificate.verify(new X509Certificate(first.caCert).publicKey));
  for (const name of ['localhost', 'zeroth.example', 'kubernetes.default.svc'])
    t.equal(certificate.checkHost(name), name);
  for (const address of ['127.0.0.1', '127.42.128.1']) t.equal(certificate.checkIP(address), address);
  const later = await openPki(dir, { now: Date.now() + 380 * 24 * 60 * 60 * 1000 });
  t.not(later.cert, first.cert, 'renewed before it ends');
});

t.test('a pod that is not there has no log', async (t) => {
  const { send, client } = await startListening(t);
  t.equal((await send('GET', '/api/v1/namespaces/default/pods/x/log')).status, 404);
  await client.create(Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  } as Pod);
  t.match((await send('GET', '/api/v1/namespaces/default/pods/p/log')).json, { code: 503 });
});

async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}
