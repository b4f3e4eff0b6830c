/** What the gateway itself answers: each refusal with its status and the text that goes to the client. */
import { messageOf } from '../../kube/message.ts';

export class GatewayError extends Error {
  readonly code: string;
  readonly status: number;
  readonly headers: readonly string[];

  constructor(code: string, status: number, message: string, headers: readonly string[] = []) {
    super(message);
    this.name = 'GatewayError';
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

export class BadRequest extends GatewayError {
  constructor(message: string) {
    super('bad-request', 400, message);
  }
}

export class HostNotFound extends GatewayError {
  constructor(host: string, hint: string) {
    super('host-not-found', 404, `no route for host ${JSON.stringify(host)}: ${hint}`);
  }
}

/** Not an error of anyone's: plain HTTP is answered with where to go. Source: Knative's Ingress, `httpOption`. */
export class ToHttps extends GatewayError {
  constructor(location: string) {
    super('to-https', 301, `moved to ${location}`, ['Location', location]);
  }
}

export class PlainHttpRefused extends GatewayError {
  constructor(host: string, origin: string) {
    super('plain-http-refused', 404, `plain HTTP is not served for host ${JSON.stringify(host)}: use ${origin}`);
  }
}

export class RevisionNotFound extends GatewayError {
  constructor(namespace: string, name: string) {
    super('revision-not-found', 404, `Error getting active endpoint: revision ${namespace}/${name} not found`);
  }
}

export class QueueFull extends GatewayError {
  constructor() {
    super('queue-full', 503, 'pending request queue full', ['Retry-After', '1']);
  }
}

export class NoEndpoints extends GatewayError {
  constructor(service: string) {
    super('no-endpoints', 503, `service ${service} has no ready endpoint`, ['Retry-After', '1']);
  }
}

export class NotReady extends GatewayError {
  constructor() {
    super('not-ready', 503, 'the gateway does not know its routes yet', ['Retry-After', '1']);
  }
}

export class RequestTimeout extends GatewayError {
  constructor() {
    super('request-timeout', 504, 'activator request timeout');
  }
}

export class RoutingLoop extends GatewayError {
  constructor(host: string) {
    super('routing-loop', 508, `host ${JSON.stringify(host)} leads back to itself`);
  }
}

/** A request that is well-formed as it came and cannot be said in the pod's protocol. */
export function unsendable(error: unknown): UpstreamFailure {
  const cause = messageOf(error);
  return new UpstreamFailure(`the request cannot be passed on: ${cause}`, { unsent: false });
}

/** The pod or endpoint failed. `unsent` when it cannot have seen any of the request, so another may have it. */
export class UpstreamFailure extends GatewayError {
  readonly unsent: boolean;
  /** Nothing listens there, or it is not to be reached: leave the address alone for a moment. */
  readonly refused: boolean;

  constructor(cause: string, kind: { readonly unsent: boolean; readonly refused?: boolean }) {
    super('upstream-failure', 502, cause);
    this.unsent = kind.unsent;
    this.refused = kind.refused ?? false;
  }
}

/** A variable of the environment that cannot be used. */
export class InvalidSetting extends Error {
  constructor(name: string, value: string, expected: string) {
    super(`${name}=${JSON.stringify(value)} is not valid: expected ${expected}`);
    this.name = 'InvalidSetting';
  }
}
