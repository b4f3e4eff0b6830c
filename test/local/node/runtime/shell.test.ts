import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { encodeOrders, shellScript } from '../../../../local/node/runtime/process/shell.ts';

/** What the shell becomes: a program that shows its arguments and some of its environment. */
function become(
  argv: string[],
  env: Record<string, string>,
  pidNamespace = false,
): { argv: string[]; env: Record<string, string> } {
  const show = 'console.log(JSON.stringify([process.argv.slice(1), process.env]))';
  const orders = encodeOrders({ argv: [process.execPath, '-e', show, '--', ...argv], env, workingDir: '/' });
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', shellScript({ mountNamespace: false, pidNamespace }), 'sh', '/dev/null', '/dev/null'],
    {
      input: orders,
      env: {},
    },
  );
  const [seenArgv, seenEnv] = JSON.parse(stdout.toString() || `"${stderr.toString()}"`) as [
    string[],
    Record<string, string>,
  ];
  return { argv: seenArgv, env: seenEnv };
}

const value = fc.string({
  unit: fc.constantFrom(...` \t\n'"\\$\`*?;|&<>(){}[]#~!%=-abZ09é\r`.split('')),
  maxLength: 40,
});
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/).map((text) => `V${text}`);

void t.test('no text becomes anything but the argument or variable it is', async () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 60 }), fc.dictionary(name, value, { maxKeys: 40 }), (argv, env) => {
      const seen = become(argv, env, argv.length % 2 === 0);
      if (JSON.stringify(seen.argv) !== JSON.stringify(argv)) throw new Error(`${JSON.stringify(seen.argv)}`);
      for (const [key, text] of Object.entries(env))
        if (seen.env[key] !== text) throw new Error(`${key}: ${JSON.stringify(seen.env[key])}`);
    }),
    { numRuns: 8 },
  );
});

void t.test('names that a shell keeps for itself arrive too', async (t) => {
  const env = {
    UID: '1',
    PPID: '2',
    IFS: 'x',
    PWD: '/nowhere',
    'a.b': 'c',
    PATH: '/usr/bin:/bin',
    _zl: 'mine',
    HOME: '/h',
  };
  const seen = become([], env).env;
  for (const [key, text] of Object.entries(env)) t.equal(seen[key], text, key);
});

void t.test('what cannot be passed on is refused, not changed', async (t) => {
  const orders = { argv: ['x'], env: {}, workingDir: '/' };
  t.throws(() => encodeOrders({ ...orders, argv: ['a\0b'] }), /U\+0000/);
  t.throws(() => encodeOrders({ ...orders, env: { A: '\u0001' } }), /U\+0001/);
  t.throws(() => encodeOrders({ ...orders, argv: ['a=b'], env: { 'a.b': '' } }), /its name holds "="/);
});
