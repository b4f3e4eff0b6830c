import t from 'tap';
import { ConfigMap } from '../../../api/core.ts';
import { send, startPod } from './rig.ts';
import { World } from './process.ts';

void t.test('requests are logged as config-observability says, from the moment it says so', async (t) => {
  const world = await World.open(t);
  const pod = await startPod(t, (_, response) => response.end('seven b'));
  await world.revision('hello');
  await world.pods('hello', [pod.address]);
  await world.route('hello', world.rules('hello'));
  const activator = await (await world.start(t)).ready();
  let stdout = '';
  activator.child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const lines = (): string[] => stdout.split('\n').filter((line) => line !== '');
  const ask = (path = '/'): Promise<unknown> =>
    send(activator.port('external'), 'hello.default.localhost', {
      path,
      headers: { 'User-Agent': 'say "hi"', 'X-B3-TraceId': 'abc' },
    });

  await ask();
  t.same(lines(), [], 'nothing unless asked');

  await configure({ 'logging.enable-request-log': 'true' });
  await asking('a line of the request log', '/a?b=c"', () => lines().length > 0);
  const record = JSON.parse(lines().at(-1) ?? '');
  t.match(record, {
    httpRequest: {
      requestMethod: 'GET',
      requestUrl: '/a?b=c"',
      requestSize: '0',
      status: 200,
      responseSize: '7',
      userAgent: 'say "hi"',
      remoteIp: /^127\.0\.0\.1/,
      serverIp: '127.0.0.1',
      referer: '',
      latency: /^[\d.e-]+s$/,
      protocol: 'HTTP/1.1',
    },
    traceId: 'abc',
  });

  const template = '{{.Revision.Namespace}}/{{.Revision.Name}} {{.Revision.Service}} {{.Request.URL.Path}}\n';
  await configure({ 'logging.enable-request-log': 'true', 'logging.request-log-template': template });
  await asking('a line of the new template', '/a?b', () => lines().at(-1) === 'default/hello svc /a');

  await configure({ 'logging.enable-request-log': 'true', 'logging.request-log-template': '{{.Nope}}' });
  await asking('a word about the field that does not exist', '/', () =>
    activator.output.includes("can't evaluate field Nope"),
  );
  t.match(await ask(), { status: 200 }, 'requests do not suffer');

  function configure(data: Record<string, string>): Promise<unknown> {
    return world.client.apply(
      ConfigMap,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'config-observability', namespace: 'knative-serving' },
        data,
      },
      { fieldManager: 'test' },
    );
  }

  async function asking(what: string, path: string, condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
      await ask(path);
    }
  }
});
