// YAML over the API as built: bundling must not lose what only some requests load.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import t from 'tap';
import { parse } from 'yaml';
import { Instance } from './instance.ts';

const zeroth = await Instance.start();
t.teardown(() => zeroth.remove());

t.test('a manifest in YAML is taken, and an object is given as YAML', async (t) => {
  const posted = await send(
    'POST',
    '/api/v1/namespaces/default/configmaps',
    { 'content-type': 'application/yaml' },
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata:\n  text: |\n    two\n    lines\n',
  );
  t.equal(posted.status, 201, posted.body);
  const got = await send('GET', '/api/v1/namespaces/default/configmaps/from-yaml', { accept: 'application/yaml' });
  t.match(parse(got.body), { kind: 'ConfigMap', data: { text: 'two\nlines\n' } });
  const broken = await send(
    'POST',
    '/api/v1/namespaces/default/configmaps',
    { 'content-type': 'application/yaml' },
    'a: [',
  );
  t.match(JSON.parse(broken.body), { code: 400, message: /^error converting YAML to JSON: .*flow/i });
});

t.test('zeroth get -o yaml prints what zeroth apply takes', async (t) => {
  const { code, stdout, stderr } = await zeroth.zeroth(['get', 'configmap', 'from-yaml', '-o', 'yaml']);
  t.equal(code, 0, stderr);
  t.match(parse(stdout), { kind: 'ConfigMap', metadata: { name: 'from-yaml' } });
});

function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; body: string }> {
  const { tokenFile, caFile } = zeroth.run;
  const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
  return new Promise((resolve, reject) => {
    request(
      zeroth.api + path,
      { method, ca: readFileSync(caFile), headers: { authorization, ...headers } },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    )
      .on('error', reject)
      .end(body);
  });
}
