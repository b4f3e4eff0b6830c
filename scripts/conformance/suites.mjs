// What is run: packages of Knative's tests, the settings that each asks for (test/e2e-tests.sh of knative/serving), and
// the tests that one machine without a cluster cannot answer, with the reason.

/**
 * @typedef {object} Group
 * @property {string} name folder below test/
 * @property {Record<string, Record<string, string>>} [config] ConfigMap → settings while it runs
 * @property {string[]} [flags] more flags of the test program
 * @property {Record<string, string>} [cannot] test → why it is not run
 * @property {Record<string, number>} [seconds] test → time it is given, instead of the usual
 */

const features = (...names) => ({
  'config-features': Object.fromEntries(names.map((name) => [name, 'Enabled'])),
});

const INTERNAL_TLS =
  'asserts the hop from activator to queue-proxy, and reads the logs of both; there is no queue-proxy here';

const NO_QUEUE_PROXY = 'is about queue-proxy, the sidecar that there is not';
const IN_PATH =
  'wants the pods themselves behind the revision’s Service once there is capacity; here the activator stays in the path';

const NO_ENDPOINTS =
  'looks for the activator among the endpoints of the revision’s Service; on one machine its name leads to the gateway without any';

/** @type {Record<string, Group[]>} */
export const SUITES = {
  api: [{ name: 'conformance/api/v1' }, { name: 'conformance/api/v1beta1' }],
  runtime: [
    {
      name: 'conformance/runtime',
      cannot: {
        TestMustEnvVars:
          'PORT is the port of this machine that the pod has got, not the declared one: programs share its ports',
        TestMustHaveCgroupConfigured: 'reads limits of processor time from a control group of the container',
        TestShouldRunAsUserContainerDefault: 'an image made from a folder names no user',
      },
    },
  ],
  e2e: [
    {
      name: 'e2e',
      config: { 'config-deployment': { 'progress-deadline': '60s' } },
      cannot: {
        TestTargetBurstCapacity: IN_PATH,
        TestTargetBurstCapacityMinusOne: NO_ENDPOINTS,
        TestGRPCUnaryPingViaActivator: NO_ENDPOINTS,
        TestGRPCStreamingPingViaActivator: NO_ENDPOINTS,
        TestWebSocketViaActivator: NO_ENDPOINTS,
        TestSvcToSvcViaActivator: NO_ENDPOINTS,
        TestInitScalePositive:
          'wants to see three pods at one of its looks, a second apart; the pods too many have gone by then',
        TestQueueSideCarResourceLimit: NO_QUEUE_PROXY,
        TestRequestLogs: NO_QUEUE_PROXY,
        TestResourceQuotaError: 'ResourceQuota is stored, not enforced',
        TestEgressTraffic: 'asks a site of the internet',
      },
      seconds: {
        TestAutoscaleUpDownUp: 420,
        TestAutoscaleSustaining: 420,
        TestGRPCAutoscaleUpDownUp: 420,
        TestMinScale: 300,
        TestMinScaleTransition: 420,
        TestDestroyPodTimely: 300,
      },
    },
    { name: 'e2e/tagheader', config: features('tag-header-based-routing') },
    { name: 'e2e/initscale', config: { 'config-autoscaler': { 'allow-zero-initial-scale': 'true' } } },
    { name: 'e2e/domainmapping' },
    {
      name: 'e2e/gc',
      config: {
        'config-gc': {
          'retain-since-create-time': 'disabled',
          'retain-since-last-active-time': 'disabled',
          'min-non-active-revisions': '0',
          'max-non-active-revisions': '0',
        },
      },
    },
    { name: 'e2e/initcontainers', config: features('kubernetes.podspec-init-containers') },
    { name: 'e2e/multicontainerprobing', config: features('multi-container-probing') },
    {
      name: 'e2e/pvc',
      cannot: { TestPersistentVolumeClaims: 'claims are stored, not provided with a volume' },
      config: features(
        'kubernetes.podspec-persistent-volume-claim',
        'kubernetes.podspec-persistent-volume-write',
        'kubernetes.podspec-securitycontext',
      ),
    },
    {
      name: 'e2e/securedefaults',
      config: features('secure-pod-defaults'),
      cannot: {
        TestSecureDefaults: 'runAsNonRoot refuses an image that names no user; one made from a folder names none',
      },
    },
    { name: 'e2e/clusterlocaldomaintls', config: { 'config-network': { 'cluster-local-domain-tls': 'Enabled' } } },
    {
      name: 'e2e/externaldomaintls',
      config: { 'config-network': { 'external-domain-tls': 'Enabled' } },
      cannot: {
        TestHttpRedirect: 'makes http of an https address and keeps its port; http and https share none but 80 and 443',
      },
    },
    {
      name: 'e2e/systeminternaltls',
      cannot: {
        TestSystemInternalTLS: INTERNAL_TLS,
        TestTLSCertificateRotation: INTERNAL_TLS,
        TestGracefulShutdownWithTLS: INTERNAL_TLS,
        TestSystemInternalTLSWithServeMode: INTERNAL_TLS,
      },
    },
  ],
};
