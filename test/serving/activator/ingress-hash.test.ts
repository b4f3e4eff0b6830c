import { createHash } from 'node:crypto';
import t from 'tap';
import type { Ingress } from '../../../api/networking/ingress.ts';
import { ingressHash } from '../../../serving/activator/ingress-hash.ts';

const ingress = (spec: Ingress['spec']): Ingress => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'Ingress',
  metadata: { name: 'hello', namespace: 'default' },
  spec,
});

/** Text as Go's encoding/json writes these specs. */
const cases: [string, Ingress['spec'], string][] = [
  [
    'whatever the order of keys, without what is empty',
    {
      httpOption: 'Enabled',
      tls: [],
      rules: [
        {
          http: {
            paths: [
              {
                splits: [
                  { percent: 100, servicePort: 80, serviceName: 'a', serviceNamespace: 'ns', appendHeaders: {} },
                ],
                appendHeaders: { b: '2', a: '1' },
                headers: { 'K-Tag': { exact: 'x' } },
                path: '/p',
              },
            ],
          },
          visibility: 'ExternalIP',
          hosts: ['a.example'],
        },
      ],
    },
    '{"rules":[{"hosts":["a.example"],"visibility":"ExternalIP","http":{"paths":[{"path":"/p","headers":{"K-Tag":{"exact":"x"}},"splits":[{"serviceNamespace":"ns","serviceName":"a","servicePort":80,"percent":100}],"appendHeaders":{"a":"1","b":"2"}}]}}],"httpOption":"Enabled"}',
  ],
  [
    'TLS, named ports, no share, and what HTML would read',
    {
      tls: [{ secretNamespace: 'ns', secretName: 's', hosts: ['a.example'] }],
      rules: [
        {
          hosts: ['a.example'],
          http: {
            paths: [
              {
                rewriteHost: 'b.example',
                splits: [{ serviceNamespace: 'ns', serviceName: 'a', servicePort: 'http', percent: 0 }],
                appendHeaders: { x: '<&>\u2028' },
              },
            ],
          },
        },
      ],
    },
    '{"tls":[{"hosts":["a.example"],"secretName":"s","secretNamespace":"ns"}],"rules":[{"hosts":["a.example"],"http":{"paths":[{"rewriteHost":"b.example","splits":[{"serviceNamespace":"ns","serviceName":"a","servicePort":"http"}],"appendHeaders":{"x":"\\u003c\\u0026\\u003e\\u2028"}}]}}]}',
  ],
];

void t.test('a prober recognises the Ingress that is served by its hash', async (t) => {
  for (const [name, spec, text] of cases)
    t.equal(ingressHash(ingress(spec)), createHash('sha256').update(`${text}defaulthello`).digest('hex'), name);
});
