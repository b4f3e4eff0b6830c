/** `zeroth why`: what an object is waiting for, since when, because of what, and what to do. */
import { CLUSTER_FLAGS, connect } from './cluster.ts';
import { UsageError } from './errors.ts';
import { StateFolder } from './state.ts';
import type { Verb } from './verb.ts';

export const why: Verb = {
  name: 'why',
  summary: 'Say why something is not ready, and what to do; exit 0 when it is ready, 1 when not.',
  usage: 'NAME | KIND/NAME [-n NS] [-o json]',
  flags: {
    ...CLUSTER_FLAGS,
    output: { type: 'string', short: 'o', help: 'FORM|json: the chain of causes as data' },
  },
  examples: [
    'zeroth why hello                 # a Service, Trigger, Broker, … of that name',
    'zeroth why revision/hello-00001  # with its last cold start, phase by phase',
    'zeroth why trigger/orders -n shop',
    'zeroth why hello -o json',
  ],
  positionals: [1, 2],
  async run(args) {
    const output = args.text('output');
    if (output !== undefined && output !== 'json') throw new UsageError(`-o takes json, not "${output}"`);
    const cluster = connect(args);
    const { findSubject } = await import('./why/subject.ts');
    const subject = await findSubject(cluster, args.positionals);
    const { gather } = await import('./why/gather.ts');
    const graph = await gather(cluster, StateFolder.nearest(args.text('state')), subject, Date.now());
    const { diagnose } = await import('./why/diagnose.ts');
    const diagnosis = diagnose(graph);
    if (output === 'json') process.stdout.write(JSON.stringify(diagnosis, undefined, 2) + '\n');
    else {
      const { renderDiagnosis } = await import('./why/render.ts');
      process.stdout.write(renderDiagnosis(diagnosis, graph.now));
    }
    return diagnosis.ready ? 0 : 1;
  },
};
