// `zeroth top` and `kubectl top` on a whole instance under load.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { cleanEnv, eventually, Instance, runProgram } from './instance.ts';

interface Look {
  readonly seconds: number;
  readonly revisions: readonly {
    revision: string;
    rps: number;
    p50?: number;
    p99?: number;
    ready: number;
    desired: number;
    cpu: number;
    memory: number;
  }[];
}

const noScript = spawnSync('script', ['--version']).status === 0 ? false : 'no script(1) here';

t.test('what revisions do and use', async (t) => {
  const zeroth = await Instance.start();
  t.teardown(() => zeroth.remove());
  await zeroth.zeroth(['build', 'examples/hello', '-t', 'hello']);
  const manifest = (name: string): string =>
    `{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: ${name}}, spec: {template: {metadata: {annotations: {autoscaling.knative.dev/window: 6s}}, spec: {containers: [{image: hello}]}}}}`;
  t.match(await zeroth.zeroth(['top', '--once', '--interval', '0.2']), {
    code: 0,
    stdout: '',
    stderr: /^No revisions found in default namespace\.\n$/,
  });
  await zeroth.zeroth(['apply', '-f', '-'], `${manifest('busy')}\n---\n${manifest('idle')}\n`);
  const host = 'busy.default.localhost';
  await eventually('served', async () => (await zeroth.fetch(host)).status === 200);

  let loading = true;
  let answered = 0;
  const load = (async () => {
    while (loading) {
      if ((await zeroth.fetch(host)).status === 200) answered++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  t.teardown(async () => {
    loading = false;
    await load;
  });

  await t.test('as data', async (t) => {
    const before = answered;
    const output = await zeroth.zeroth(['top', '-o', 'json', '--interval', '1']);
    const most = answered - before;
    t.equal(output.code, 0, output.stderr);
    const look = JSON.parse(output.stdout) as Look;
    t.strictSame(
      look.revisions.map(({ revision }) => revision),
      ['busy-00001', 'idle-00001'],
      'the busiest first',
    );
    const [busy, idle] = look.revisions;
    t.ok(busy !== undefined && busy.rps > 0 && busy.rps * look.seconds <= most + 1, `${busy?.rps} of ${most} requests`);
    t.ok(busy !== undefined && busy.p50 !== undefined && busy.p99 !== undefined && busy.p50 <= busy.p99);
    t.match(busy, { ready: 1, desired: 1 });
    t.ok((busy?.memory ?? 0) > 2 ** 20, 'more than a megabyte');
    t.match(idle, { rps: 0 });
  });

  await t.test('as a table, and as kubectl has it', async (t) => {
    t.match(await zeroth.zeroth(['top', '-A', '--interval', '0.5']), {
      code: 0,
      stdout:
        /^NAMESPACE +REVISION +REQ\/S +P50 +P99 .*\ndefault +busy-00001 +[\d.]+ +[\d.]+m?s +[\d.]+m?s .*1\/1 +\d+m +\d+Mi\n/,
    });
    t.match(await zeroth.kubectl(['top', 'pods']), { code: 0, stdout: /\nbusy-00001-deployment-\S+ +\d+m +\d+Mi/ });
    t.match(await zeroth.kubectl(['top', 'pods', '-l', 'serving.knative.dev/service=none']), {
      stdout: '',
      stderr: /No resources found/,
    });
    t.match(await zeroth.kubectl(['top', 'nodes']), { code: 0, stdout: /\nzeroth +\d+m +\d+% +\d+Mi +\d+%/ });
    const all = await zeroth.json<{ items: object[] }>(['get', 'pods.metrics.k8s.io']);
    t.match(all.items[0], {
      kind: 'PodMetrics',
      window: /^[\d.]+s$/,
      containers: [{ name: 'user-container', usage: { cpu: /^\d+n$/, memory: /^\d+Ki$/ } }],
    });
    t.match(await zeroth.kubectl(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/none']), {
      code: 1,
      stderr: /not found/i,
    });
  });

  await t.test('live in a terminal, until q', { skip: noScript }, async (t) => {
    const command = `stty rows 8 cols 70; '${process.execPath}' '${resolve('dist/zeroth.js')}' top -A --interval 0.5 --state '${zeroth.state}'; echo "ended $?"`;
    // The key comes when the table is there.
    const keys = `while ! grep -q busy-00001 "$0" 2> /dev/null; do sleep 0.05; done; printf q`;
    const file = `${zeroth.state}/typescript`;
    const output = await runProgram(
      'sh',
      ['-c', `sh -c '${keys}' '${file}' | script -qfec "$1" '${file}'`, 'sh', command],
      '',
      { ...cleanEnv(), SHELL: '/bin/sh' },
    );
    const { stdout } = output;
    t.match(stdout, /ended 0/, output.stderr);
    t.match(stdout, /all namespaces: [\d.<]+ requests\/s/);
    t.ok(stdout.lastIndexOf('\x1b[?1049l') > stdout.lastIndexOf('busy-00001'), 'the terminal is given back as it was');
    const shown = stdout.slice(stdout.lastIndexOf('\x1b[H'), stdout.lastIndexOf('\x1b[?25h')).split('\r\n');
    t.ok(shown.length <= 8, 'no more lines than the terminal has');
  });

  await t.test('a revision that is gone leaves no series and no row', async (t) => {
    loading = false;
    await load;
    t.match(await zeroth.zeroth(['delete', 'ksvc', 'busy']), { code: 0 });
    const { activator = '' } = (
      JSON.parse(readFileSync(`${zeroth.state}/run.json`, 'utf8')) as { admin: Record<string, string> }
    ).admin;
    await eventually('no series', async () => {
      const pages = [
        await (await fetch(`http://${activator}/metrics`)).text(),
        await zeroth.ok(['get', '--raw', '/metrics']),
      ];
      return pages.every((page) => !page.includes('busy-00001'));
    });
    t.notMatch((await zeroth.zeroth(['top', '--once', '--interval', '0.2'])).stdout, /busy/);
  });

  await t.test('wrong words', async (t) => {
    for (const interval of ['0', 'soon', '-1', '', '1e9'])
      t.match(
        await zeroth.zeroth(['top', `--interval=${interval}`]),
        { code: 2, stderr: /--interval takes seconds/ },
        interval,
      );
    t.match(await zeroth.zeroth(['top', '-o', 'yaml']), { code: 2, stderr: /-o takes json/ });
  });
});
