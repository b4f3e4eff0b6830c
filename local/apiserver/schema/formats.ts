/** The string formats Kubernetes checks; others are accepted as they are. Source: "Validation" in the CRD docs. */
import { isIPv4, isIPv6, isIP } from 'node:net';

const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const DATE_TIME =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)([.,]\d+)?([Zz]|[+-]\d{2}:?\d{2})$/;
const DURATION =
  /^[-+]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|m|h|d|w|hr|hour|hours|min|minute|minutes|sec|second|seconds|day|days|week|weeks|milli|micro|nano)?(\s*(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|m|h|d|w))*$/;
const HOSTNAME =
  /^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const EMAIL = /^[^\s@<>()[\],;:\\"]+@[^\s@<>()[\],;:\\"]+$/;
const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const CHECKS: Readonly<Record<string, (value: string) => boolean>> = {
  date: (value) => DATE.test(value),
  'date-time': (value) => DATE_TIME.test(value),
  datetime: (value) => DATE_TIME.test(value),
  duration: (value) => value !== '' && DURATION.test(value),
  hostname: (value) => HOSTNAME.test(value),
  ipv4: (value) => isIPv4(value),
  ipv6: (value) => isIPv6(value),
  cidr: isCidr,
  mac: (value) => MAC.test(value),
  uuid: (value) => UUID.test(value),
  uuid3: (value) => UUID.test(value),
  uuid4: (value) => UUID.test(value),
  uuid5: (value) => UUID.test(value),
  email: (value) => EMAIL.test(value),
  byte: (value) => BASE64.test(value),
  uri: isUri,
};

/** Is a string of this format? True when the format is not one that Kubernetes checks. */
export function hasFormat(format: string, value: string): boolean {
  return Object.hasOwn(CHECKS, format) ? (CHECKS[format]?.(value) ?? true) : true;
}

function isCidr(value: string): boolean {
  const slash = value.lastIndexOf('/');
  const family = isIP(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  return slash > 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

function isUri(value: string): boolean {
  if (value.startsWith('/')) return !/\s/.test(value);
  return URL.canParse(value);
}
