/** The webhook's listener answers reviews, and nothing else, within bounds. */
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { Test } from 'tap';
import type { KubeObject } from '../../../api/object.ts';
import { resourceType } from '../../../api/resource.ts';
import type { Admission } from '../../../kube/admission.ts';
import { failure } from '../../../kube/errors.ts';
import { silentLogger } from '../../../kube/log.ts';
import type { Transport } from '../../../kube/transport.ts';
import { renewed } from '../../../kube/webhook/certificates.ts';
import type { WebhookComponent } from '../../../kube/webhook/component.ts';
import { respond, type Surroundings } from '../../../kube/webhook/respond.ts';
import { startWebhookServer } from '../../../kube/webhook/server.ts';

type Widget = KubeObject & { spec?: { size?: number; colour?: string } };
const Widget = resourceType<Widget>('example.com/v1', 'Widget', 'widgets');
const HOOK = 'v.example.com';
const denial = (why: string) => failure(400, 'BadRequest', `admission webhook "${HOOK}" denied the request: ${why}`);

const admission: Admission<Widget> = {
  type: Widget,
  default: (widget, _, { username }) =>
    widget.spec?.colour === undefined ? { ...widget, spec: { ...widget.spec, colour: username } } : widget,
  validate(widget, old, { operation, config, dryRun }) {
    const most = Number(config('example', 'limits')['size'] ?? 1);
    if (widget.spec?.size === 666) throw new Error('a bug');
    if ((widget.spec?.size ?? 0) > most) return { denied: denial(`validation failed: larger than ${most}`) };
    return { warnings: [`${operation}\n${old === undefined ? 'new' : 'old'}${dryRun ? ' dry' : ''}`] };
  },
  question: (widget) => async (api) => {
    const { status } = await api.request({ method: 'GET', path: `/colours/${widget.spec?.colour ?? ''}` });
    return status < 400 ? {} : { denied: denial('no such colour') };
  },
};

const component: WebhookComponent = {
  name: 'example',
  namespace: 'example',
  service: 'hook',
  secret: 'hook-certs',
  hooks: { defaulting: 'd.example.com', validation: HOOK, config: 'c.example.com' },
  admissions: [admission as unknown as Admission],
};

const api: Transport = {
  request: ({ path }) => Promise.resolve({ status: path === '/colours/red' ? 200 : 404, body: {} }),
  watch: () => ({ close: () => undefined }),
};

const LIMITS: Readonly<Record<string, string>> = { size: '3' };

async function start(t: Test) {
  const answers: string[] = [];
  const around: Surroundings = {
    components: [component],
    api,
    config: (namespace: string, name: string) => (`${namespace}/${name}` === 'example/limits' ? LIMITS : {}),
    now: () => 0,
  };
  const server = await startWebhookServer({
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    respond: (role, request) => respond(around, role, request),
    onAnswer: (role, { operation }, allowed) => answers.push(`${role} ${operation} ${allowed}`),
  });
  t.teardown(() => server.close(0));
  const names = ['hook.example.svc'];
  const credentials = await renewed(undefined, names, Date.now());
  server.setCertificate(names, credentials);
  const send = (path: string, body: string, options: { method?: string; type?: string; name?: string } = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { method = 'POST', type = 'application/json', name = 'hook.example.svc' } = options;
      const sent = httpsRequest(
        {
          host: '127.0.0.1',
          port: server.port,
          ca: credentials.caCert,
          servername: name,
          path,
          method,
          agent: false,
          headers: { 'content-type': type },
        },
        (response) => {
          text(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  return { server, send, answers, credentials };
}

function review(request: object) {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      kind: { group: 'example.com', version: 'v1', kind: 'Widget' },
      operation: 'CREATE',
      userInfo: { username: 'me' },
      ...request,
    },
  });
}

const widget = (spec: object) => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec });

t.test('reviews are answered by the admissions of their kind', async (t) => {
  const { send, answers } = await start(t);
  const ask = async (path: string, request: object) => {
    const { status, text } = await send(path, review(request));
    t.equal(status, 200, text);
    const { apiVersion, response } = JSON.parse(text) as { apiVersion: string; response: Record<string, unknown> };
    t.equal(apiVersion, 'admission.k8s.io/v1');
    t.equal(response['uid'], 'u1');
    return response;
  };
  const patch = (response: Record<string, unknown>): unknown =>
    JSON.parse(Buffer.from(String(response['patch']), 'base64').toString());
  const defaulted = await ask('/defaulting?timeout=10s', { object: widget({}) });
  t.match(defaulted, { allowed: true, patchType: 'JSONPatch' });
  t.same(patch(defaulted), [{ op: 'add', path: '/spec/colour', value: 'me' }]);
  t.same(await ask('/defaulting', { object: widget({ colour: 'red' }) }), { uid: 'u1', allowed: true });
  t.match(await ask('/resource-validation', { object: widget({ size: 4 }) }), {
    allowed: false,
    status: { code: 400, reason: 'BadRequest', message: /^validation failed: larger than 3$/ },
  });
  t.match(await ask('/resource-validation', { object: widget({ colour: 'red' }), dryRun: true }), {
    allowed: true,
    warnings: ['CREATE', 'new dry'],
  });
  const update = { operation: 'UPDATE', object: widget({ colour: 'red' }), oldObject: widget({}) };
  t.match(await ask('/resource-validation', update), { allowed: true, warnings: ['UPDATE', 'old'] });
  t.match(await ask('/resource-validation', { object: widget({ colour: 'grue' }) }), {
    allowed: false,
    status: { message: /^no such colour$/ },
  });
  const deletion = { operation: 'DELETE', object: null, oldObject: widget({ size: 9 }) };
  t.same(await ask('/resource-validation', deletion), { uid: 'u1', allowed: true });
  const kind = { group: 'example.com', version: 'v2', kind: 'Widget' };
  t.match(await ask('/resource-validation', { kind, object: widget({}) }), {
    allowed: false,
    status: { message: 'decoding request failed: unhandled kind: example.com/v2, Kind=Widget' },
  });
  t.ok(answers.includes('validation UPDATE true'));
});

t.test('what is no review is refused', async (t) => {
  const { send } = await start(t);
  const path = '/resource-validation';
  const good = review({ object: widget({ colour: 'red' }) });
  const cases: [name: string, sent: ReturnType<typeof send>, status: number][] = [
    ['another path', send('/', good), 404],
    ['another method', send(path, '', { method: 'GET' }), 405],
    ['another type', send(path, good, { type: 'text/plain' }), 415],
    ['no JSON', send(path, '{'), 400],
    ['no review', send(path, '{"kind":"Pod"}'), 400],
    ['no object', send(path, review({ object: [] })), 400],
    ['too much', send(path, `"${'x'.repeat(9 * 1024 * 1024)}"`), 413],
    ['a bug of ours', send(path, review({ object: widget({ size: 666 }) })), 500],
  ];
  for (const [name, sent, status] of cases) {
    // A server that has said no may be gone before all is sent.
    const answer = await sent.catch((error: NodeJS.ErrnoException) => error.code);
    if (typeof answer === 'object') t.equal(answer.status, status, name);
    else t.equal(status, 413, `${name}: ${answer}`);
  }
  t.equal((await send(path, good)).status, 200, 'and it goes on');
});

t.test('certificates change while it runs; the names choose', async (t) => {
  const { server, send, credentials } = await start(t);
  const other = await renewed(undefined, ['other.example.svc'], Date.now());
  server.setCertificate(['other.example.svc'], other);
  t.equal((await send('/', '')).status, 404, 'the first one still serves');
  await t.rejects(send('/', '', { name: 'other.example.svc' }), 'the other is of another CA');
  const next = await renewed(credentials, ['hook.example.svc'], Date.now());
  server.setCertificate(['hook.example.svc'], next);
  t.equal((await send('/', '')).status, 404, 'a new one of the same CA');
});
