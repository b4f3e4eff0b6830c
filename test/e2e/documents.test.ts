// Every command of the README and of the examples runs as it stands, and prints what the text promises.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import t from 'tap';
import { cleanEnv, Instance, runProgram } from './instance.ts';
import { findKubectl, kubectlMissing } from '../kubectl.ts';

/** A document and what the output of its commands must hold, in this order. */
const DOCUMENTS: readonly [file: string, promises: readonly (string | RegExp)[]][] = [
  ['README.md', ['Hello World!', 'Hello canary!', '202', 'com.example.order from /cart id 1: {"item":"tea"}']],
  ['docs/tls.md', ['Hello World!', /301 https:\/\/hello\.default\.localhost:\d+\/path/]],
  ['examples/hello/README.md', ['Hello World!']],
  ['examples/canary/README.md', [/90 blue\n\s+10 green/, 'green\n', '100 blue']],
  ['examples/websocket/README.md', ['who is there?']],
  ['examples/events/README.md', ['202', 'com.example.order from /cart id 1: {"item":"tea"}']],
];

const curl = spawnSync('curl', ['--version']).status === 0;
const skip = (await kubectlMissing()) || (!curl && 'no curl on this machine');

for (const [file, promises] of DOCUMENTS) {
  t.test(file, { skip }, async (t) => {
    const zeroth = await Instance.start();
    const bin = mkdtempSync(join(tmpdir(), 'zeroth-bin-'));
    t.teardown(async () => {
      await zeroth.remove();
      rmSync(bin, { recursive: true, force: true });
    });
    const kubectl = await findKubectl();
    if ('path' in kubectl) executable(join(bin, 'kubectl'), `exec '${kubectl.path}' "$@"`);
    executable(join(bin, 'zeroth'), `exec '${process.execPath}' '${resolve('dist/zeroth.js')}' "$@"`);
    // The instance of this test has ports and a state folder of its own.
    const script = blocksOf(readFileSync(file, 'utf8'))
      .join('\n')
      .replaceAll('8080', String(zeroth.httpPort))
      .replaceAll('8443', String(zeroth.httpsPort));
    const env = {
      ...cleanEnv(),
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      KUBECONFIG: zeroth.kubeconfig,
      ZEROTH_STATE: zeroth.state,
    };
    const output = await runProgram('bash', ['-euo', 'pipefail', '-c', `cd '${folderOf(file)}'\n${script}`], '', env);
    t.equal(output.code, 0, `${output.stdout}\n${output.stderr}`);
    let rest = output.stdout;
    for (const promise of promises) {
      const at = typeof promise === 'string' ? rest.indexOf(promise) : rest.search(promise);
      t.not(at, -1, `${String(promise)} in:\n${output.stdout}`);
      rest = rest.slice(Math.max(at, 0) + 1);
    }
  });
}

/** Examples are run where they stand, other documents at the top. */
function folderOf(file: string): string {
  return resolve(file.startsWith('examples/') ? dirname(file) : '.');
}

/** The ```sh blocks. */
function blocksOf(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

function executable(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}
