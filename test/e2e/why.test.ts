// `zeroth why` on a whole instance: down to the program's last words, with commands that mend it when they are run.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { parseSamples } from '../../cli/prometheus-text.ts';
import { cleanEnv, eventually, Instance, runProgram, type Output } from './instance.ts';

interface Said {
  readonly ready: boolean;
  readonly cause?: string;
  readonly steps: readonly { kind: string; name: string; state: string; log?: readonly string[] }[];
  readonly warnings: readonly string[];
  readonly next: readonly { run: string; why: string }[];
}

t.test('from a Service down to why, and what to do', async (t) => {
  const zeroth = await Instance.start();
  t.teardown(() => zeroth.remove());
  const why = (...words: string[]): Promise<Output> => zeroth.zeroth(['why', ...words]);
  const said = async (...words: string[]): Promise<Said> =>
    JSON.parse((await why(...words, '-o', 'json')).stdout) as Said;
  /** A Service whose template is this container. */
  const apply = (name: string, container: object): Promise<Output> =>
    zeroth.zeroth(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Service',
        metadata: { name },
        spec: { template: { spec: { containers: [container] } } },
      }),
    );
  t.match(await zeroth.zeroth(['build', 'examples/hello', '-t', 'hello']), { code: 0 });
  const secret = { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'token', key: 'KEY' } } };
  await Promise.all([
    apply('hello', { image: 'hello' }),
    apply('crash', { image: 'hello', command: ['sh', '-c', 'echo no config; exit 3'] }),
    apply('wants-secret', { image: 'hello', env: [secret] }),
  ]);
  await zeroth.zeroth(
    ['apply', '-f', '-'],
    `{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}
---
{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: dead}, spec: {broker: default, subscriber: {uri: "http://127.0.0.1:1/"}, delivery: {retry: 0}}}
`,
  );

  await t.test('a program that ends', async (t) => {
    let crash = await said('crash');
    await eventually('its end is the cause, with its last words', async () => {
      crash = await said('crash');
      return /exit code 3/.test(crash.cause ?? '') && crash.steps.at(-1)?.log !== undefined;
    });
    const output = await why('crash');
    t.match(output, { code: 1, stdout: /^Service default\/crash is not ready/ });
    t.match(output.stdout, /\n {2}zeroth logs crash-00001-deployment-\S+ -c user-container .*# /);
    const { steps } = crash;
    t.strictSame(
      steps.map(({ kind }) => kind),
      ['Service', 'Configuration', 'Revision', 'Deployment', 'ReplicaSet', 'Pod', 'container'],
    );
    t.strictSame(steps.at(-1)?.log, ['no config']);
    t.match(await why('revision/crash-00001'), { code: 1, stdout: /^Revision default\/crash-00001 is not ready/ });
    t.match(await why('deploy', 'crash-00001-deployment'), { code: 1, stdout: /exit code 3/ }, 'kind and name apart');
    t.match(
      (await zeroth.zeroth(['status'])).stdout,
      /what to do: zeroth why ksvc\/crash\n/,
      'zeroth status leads here',
    );
  });

  await t.test('the printed command mends it', async (t) => {
    await eventually('the Secret is missed', async () =>
      /Secret "token" does not exist/.test((await said('wants-secret')).cause ?? ''),
    );
    const [first] = (await said('wants-secret')).next;
    t.match(first?.run, /^kubectl create secret generic token --from-literal=KEY=VALUE$/);
    const words = (first?.run ?? '').split(' ').slice(1);
    t.match(await zeroth.kubectl(words), { code: 0 });
    await eventually('ready', async () => (await why('wants-secret')).code === 0);
  });

  await t.test('one that is ready: its URL, and its last cold start', async (t) => {
    await eventually('ready', async () => (await why('hello')).code === 0);
    t.match(
      (await why('hello')).stdout,
      /^Service default\/hello is ready[\s\S]*url +http:\/\/hello\.default[\s\S]*100 % to hello-00001/,
    );
    // One that begins at zero, so that nobody has to wait until it is there.
    const allow = '{"data":{"allow-zero-initial-scale":"true"}}';
    await zeroth.ok(['patch', 'cm', 'config-autoscaler', '-n', 'knative-serving', '--type', 'merge', '-p', allow]);
    const asleep = '{"spec":{"template":{"metadata":{"annotations":{"autoscaling.knative.dev/initial-scale":"0"}}}}}';
    await eventually('the new configuration is known', async () => {
      return (await zeroth.kubectl(['patch', 'ksvc', 'hello', '--type', 'merge', '-p', asleep])).code === 0;
    });
    await eventually('the new revision serves', async () => /100 % to hello-00002/.test((await why('hello')).stdout));
    await eventually('at zero', async () => /none: at zero/.test((await why('revision/hello-00002')).stdout));
    t.match(await zeroth.fetch('hello.default.localhost'), { status: 200 });
    const { stdout } = await why('revision/hello-00002');
    t.match(
      stdout,
      /last cold start +\S+ (m?s), \d+s ago: \S+ m?s to scale up, \S+ m?s to make the pod, \S+ m?s to start it, \S+ m?s until it was ready, \S+ m?s to the first byte\n/,
    );
    const page = await zeroth.ok(['get', '--raw', '/metrics']);
    const seconds = (phase: string): number =>
      Number(
        new RegExp(
          `^zeroth_cold_start_last_seconds\\{.*revision_name="hello-00002",phase="${phase}"\\} (\\S+)$`,
          'm',
        ).exec(page)?.[1],
      );
    const phases = [
      'wake_to_scaled',
      'scaled_to_created',
      'created_to_started',
      'started_to_ready',
      'ready_to_first_byte',
    ];
    const sum = phases.map(seconds).reduce((total, one) => total + one, 0);
    t.ok(Math.abs(sum - seconds('total')) < 0.0015, `the phases add up: ${sum} of ${seconds('total')}`);
    t.ok(seconds('started_to_ready') > 0, 'a program takes its time');
  });

  await t.test('every query of docs/metrics.md asks for series that are there', async (t) => {
    const { activator = '' } = (
      JSON.parse(readFileSync(`${zeroth.state}/run.json`, 'utf8')) as { admin: Record<string, string> }
    ).admin;
    const gateway = await (await fetch(`http://${activator}/metrics`)).text();
    const control = await zeroth.ok(['get', '--raw', '/metrics']);
    const samples = [...parseSamples(gateway, () => true), ...parseSamples(control, () => true)];
    const queries = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^```promql\n([\s\S]*?)^```$/gm)].map(
      (match) => match[1] ?? '',
    );
    t.ok(queries.length >= 5);
    for (const query of queries) {
      const names = [...query.matchAll(/\b(?:zeroth|kn|http)_[a-z_]+\b/g)].map(([name]) => name);
      t.ok(names.length > 0, query);
      const grouped = /\bby \(([^)]*)\)/.exec(query)?.[1]?.split(', ') ?? [];
      for (const name of names) {
        const own = samples.filter((sample) => sample.name === name);
        t.ok(own.length > 0, `${name} is there`);
        for (const label of grouped)
          t.ok(
            own.every(({ labels }) => label in labels),
            `${name} has the label ${label}`,
          );
        for (const [, label = '', value] of query.matchAll(/(\w+)="([^"]*)"/g))
          if (name.startsWith('zeroth_cold_start'))
            t.ok(
              own.some(({ labels }) => labels[label] === value),
              `${name}: ${label}="${value}"`,
            );
      }
    }
  });

  await t.test('a Trigger that delivers nothing', async (t) => {
    await eventually('ready', async () => (await why('trigger/dead')).code === 0);
    const event = { 'Ce-Specversion': '1.0', 'Ce-Id': '1', 'Ce-Source': '/t', 'Ce-Type': 't' };
    const host = 'broker-ingress.knative-eventing.localhost';
    t.match(await zeroth.fetch(host, { method: 'POST', path: '/default/default', headers: event }), { status: 202 });
    await eventually('the failure is told', async () => (await said('dead')).warnings.length > 0);
    t.match((await said('dead')).warnings, [/the last delivery failed .*ECONNREFUSED.*; the event was given up/]);
  });

  await t.test('names: slips of the pen, other namespaces, two of one name, kinds', async (t) => {
    t.match(await why('helo'), {
      code: 2,
      stderr: /nothing named "helo" in namespace default; did you mean ksvc\/hello\?\n$/,
    });
    t.match(await why('hello', '-n', 'kube-system'), {
      code: 2,
      stderr: /but in default: zeroth why hello -n default/,
    });
    t.match(await why('revison/hello-00001'), {
      code: 2,
      stderr: /does not know the kind "revison"; did you mean revision\?/,
    });
    t.match(await why('ksvc/'), { code: 2 });
    t.match(await why('hello', '-o', 'yaml'), { code: 2, stderr: /-o takes json/ });
    await zeroth.zeroth(
      ['apply', '-f', '-'],
      '{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: hello}}',
    );
    t.match(await why('hello'), {
      code: 2,
      stderr: /2 things in namespace default; which one\?\n {2}zeroth why ksvc\/hello\n {2}zeroth why broker\/hello\n$/,
    });
    t.match(await why('ksvc/hello'), { code: 0 });
  });

  await t.test('through any kubeconfig, from any folder', async (t) => {
    const program = [resolve('dist/zeroth.js'), 'why', 'crash', '--kubeconfig', zeroth.kubeconfig];
    t.match(await runProgram(process.execPath, program, '', cleanEnv()), { code: 1, stdout: /exit code 3/ });
  });
});
