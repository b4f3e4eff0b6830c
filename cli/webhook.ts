/** `zeroth webhook`: the admission webhooks of a cluster. Local instances need none: their API server admits in-process. */
import { UsageError } from './errors.ts';
import type { Verb } from './verb.ts';

export const webhook: Verb = {
  name: 'webhook',
  summary: 'Serve the admission webhooks of a cluster (local instances need none).',
  usage: '[--only serving|eventing]',
  flags: {
    only: { type: 'string', help: 'NAME|serve one of serving, eventing (default: both)' },
  },
  examples: [
    'zeroth webhook                                       # in a pod: its service account, WEBHOOK_LISTEN=0.0.0.0:8443',
    'ZEROTH_API_URL=https://HOST:6443 ZEROTH_API_TOKEN_FILE=token ZEROTH_API_CA_FILE=ca.crt zeroth webhook',
    '# environment: WEBHOOK_LISTEN (127.0.0.1:8443), ADMIN_LISTEN (127.0.0.1:0: /metrics, /healthz, /readyz),',
    '#   WEBHOOK_DRAIN_SECONDS (0: go on serving that long after SIGTERM, unready), LOG_LEVEL (info)',
  ],
  positionals: [0, 0],
  async run(args) {
    const only = args.text('only');
    if (only !== undefined && only !== 'serving' && only !== 'eventing')
      throw new UsageError(`--only takes serving or eventing, not "${only}"`);
    const { runWebhook } = await import('./webhook-process.ts');
    return runWebhook(process.env, only);
  },
};
