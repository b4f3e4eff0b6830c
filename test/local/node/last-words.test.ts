import { existsSync } from 'node:fs';
import t from 'tap';
import type { Container, Pod } from '../../../api/core.ts';
import { openCluster } from './cluster.ts';

const cluster = await openCluster(t);
const skip = cluster.agent.limits.some((limit) => limit.startsWith('no private /dev')) && 'no private /dev here';

const said = (pod: Pod): string | undefined => pod.status?.containerStatuses?.[0]?.state?.terminated?.message;
const isOver = (pod: Pod): boolean => pod.status?.containerStatuses?.[0]?.state?.terminated !== undefined;

const long = 'x'.repeat(4096);
const cases: { name: string; script: string; more?: Partial<Container>; wanted: string | undefined }[] = [
  { name: 'usual', script: 'echo why > /dev/termination-log; exit 3', wanted: 'why\n' },
  { name: 'well', script: 'echo done > /dev/termination-log', wanted: 'done\n' },
  { name: 'silent', script: 'echo log; exit 3', wanted: undefined },
  {
    name: 'own-path',
    script: 'echo elsewhere > /zeroth-test/deep/log; exit 3',
    more: { terminationMessagePath: '/zeroth-test/deep/log' },
    wanted: 'elsewhere\n',
  },
  {
    name: 'own-path-in-dev',
    script: 'echo there > /dev/zeroth-test-log; exit 3',
    more: { terminationMessagePath: '/dev/zeroth-test-log' },
    wanted: 'there\n',
  },
  { name: 'bounded', script: `printf 'begin${long}' > /dev/termination-log; exit 3`, wanted: long },
  { name: 'link', script: 'ln -sf /etc/passwd /dev/termination-log; exit 3', wanted: undefined },
  { name: 'pipe', script: 'rm /dev/termination-log; mkfifo /dev/termination-log; exit 3', wanted: undefined },
  {
    name: 'from-log',
    script: 'echo of the log; exit 3',
    more: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    wanted: 'of the log\n',
  },
  {
    name: 'file-before-log',
    script: 'echo of the log; echo of the file > /dev/termination-log; exit 3',
    more: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    wanted: 'of the file\n',
  },
  {
    name: 'another-user',
    script: 'echo "$(id -u)" > /dev/termination-log; exit 3',
    more: { securityContext: { runAsUser: 65534 } },
    wanted: process.getuid?.() === 0 ? '65534\n' : '0\n',
  },
];

void t.test('what a container leaves in its termination log is in its status', { skip }, async (t) => {
  await Promise.all(
    cases.map(async ({ name, script, more, wanted }) => {
      const container = { name: 'main', image: '/bin/sh', args: ['-c', script], ...more };
      await cluster.run(name, { restartPolicy: 'Never', containers: [container] });
      t.equal(said(await cluster.see(name, isOver)), wanted, name);
    }),
  );
  for (const path of ['/dev/termination-log', '/dev/zeroth-test-log', '/zeroth-test'])
    t.notOk(existsSync(path), `${path} is not the host's`);
});

void t.test('the last words of the run before are there too', { skip }, async (t) => {
  const script = 'echo again > /dev/termination-log; exit 3';
  await cluster.run('repeating', { containers: [{ name: 'main', image: '/bin/sh', args: ['-c', script] }] });
  const pod = await cluster.see('repeating', (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  t.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.message, 'again\n');
});

void t.test('devices and the folders for files in memory work; disks are not there', { skip }, async (t) => {
  const script =
    'set -e; echo a > /dev/null; head -c 4 /dev/urandom > /dev/shm/zeroth-$$; rm /dev/shm/zeroth-$$; echo b > /dev/stderr; ' +
    'test -z "$(find /dev -type b)"; exec 5<> /dev/ptmx; touch /dev/own /run/own; echo fine > /dev/termination-log';
  const volumeMounts = [{ name: 'memory', mountPath: '/dev/shm' }];
  const volumes = [{ name: 'memory', emptyDir: { medium: 'Memory' } }];
  const container = { name: 'main', image: '/bin/sh', args: ['-c', script], volumeMounts };
  await cluster.run('devices', { restartPolicy: 'Never', volumes, containers: [container] });
  t.equal(said(await cluster.see('devices', isOver)), 'fine\n');
  for (const path of ['/dev/own', '/run/own']) t.notOk(existsSync(path), path);
});
