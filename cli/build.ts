/** `zeroth build`: makes a folder into an image of a state folder's store. */
import { stat } from 'node:fs/promises';
import { ImageStore } from '../local/node/image-store.ts';
import { CommandError, UsageError } from './errors.ts';
import { StateFolder } from './state.ts';
import { STATE_FLAG, type Verb } from './verb.ts';
import { messageOf } from '../kube/message.ts';

export const build: Verb = {
  name: 'build',
  summary: 'Make a folder into an image that a Service can name.',
  usage: 'DIR -t NAME [--state DIR]',
  flags: {
    tag: { type: 'string', short: 't', help: 'NAME|name of the image, with or without :TAG' },
    state: STATE_FLAG,
  },
  examples: [
    'zeroth build ./app -t hello              # then: image: hello',
    'zeroth build . -t hello:v2 --state /tmp/ci',
    "# started by Procfile's web:, else package.json's scripts.start, else the one executable or server.{js,mjs,py}",
  ],
  positionals: [1, 1],
  async run(args) {
    const [folder = '.'] = args.positionals;
    const name = args.text('tag');
    if (name === undefined) throw new UsageError('zeroth build needs a name for the image: zeroth build DIR -t NAME');
    const info = await stat(folder).catch(() => undefined);
    if (info?.isDirectory() !== true) throw new CommandError(`${folder} is not a folder`);
    const state = StateFolder.nearest(args.text('state'));
    state.create();
    const images = await ImageStore.open(state.dir);
    try {
      const { reference, digest } = await images.build(folder, name);
      process.stdout.write(`${reference}\n${digest}\n`);
    } catch (error) {
      throw new CommandError(`cannot build ${folder}: ${messageOf(error)}`);
    }
    return 0;
  },
};
