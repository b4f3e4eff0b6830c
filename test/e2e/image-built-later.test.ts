/** A Service applied before its image exists runs as soon as `zeroth build` has made it. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Instance } from './instance.ts';

const MANIFEST = (name: string): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: ${name} }
spec: { template: { spec: { containers: [{ image: ${name} }] } } }
`;

void t.test('a build reaches the Revisions that wait for it', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'zeroth-late-')), 'app');
  cpSync('examples/hello', folder, { recursive: true });
  const instance = await Instance.start();
  t.teardown(async () => {
    await instance.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  await instance.ok(['apply', '-f', '-'], MANIFEST('late'));
  // By now the next attempt of its own is 8 s away or more.
  await instance.ok(['wait', '--for=condition=Ready=false', 'ksvc/late', '--timeout=20s']);
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  const began = Date.now();
  t.equal((await instance.zeroth(['build', folder, '-t', 'late'])).code, 0);
  await instance.ok(['wait', '--for=condition=Ready', 'ksvc/late', '--timeout=20s']);
  t.comment(`ready ${Date.now() - began} ms after the build began`);
  t.equal((await instance.fetch('late.default.localhost')).status, 200);
});
