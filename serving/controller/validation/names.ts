/** Kubernetes' rules for names, with its words. Each returns what is wrong; empty when nothing is. */

const DNS_1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS_1123_SUBDOMAIN = `${DNS_1123_LABEL}(\\.${DNS_1123_LABEL})*`;
const DNS_1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

export function dns1123Label(value: string): string[] {
  const dotted = new RegExp(`^${DNS_1123_SUBDOMAIN}$`).test(value) && value.includes('.');
  return check(
    value,
    63,
    DNS_1123_LABEL,
    dotted
      ? 'must not contain dots'
      : `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${DNS_1123_LABEL}')`,
  );
}

export function dns1123Subdomain(value: string): string[] {
  return check(
    value,
    253,
    DNS_1123_SUBDOMAIN,
    `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${DNS_1123_SUBDOMAIN}')`,
  );
}

/** @param prefix the value may end in a dash, being the start of a name */
export function dns1035Label(value: string, prefix = false): string[] {
  // The last two characters stand for one, as in Kubernetes.
  const checked = prefix && value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value;
  return check(
    checked,
    63,
    DNS_1035_LABEL,
    `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${DNS_1035_LABEL}')`,
  );
}

export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2)
    return [
      `a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const problems: string[] = [];
  if (parts.length === 2) {
    if (parts[0] === '') problems.push('prefix part must be non-empty');
    else problems.push(...dns1123Subdomain(parts[0] ?? '').map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  problems.push(
    ...check(
      name,
      63,
      QUALIFIED,
      `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`,
      'bytes',
    ).map((problem) => `name part ${problem}`),
  );
  return problems;
}

/** What a label says; it may be empty. */
export function labelValue(value: string): string[] {
  return check(
    value,
    63,
    `(${QUALIFIED})?`,
    `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${QUALIFIED})?')`,
  );
}

export function identifier(value: string): string[] {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
    ? []
    : [
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ];
}

function check(value: string, longest: number, pattern: string, message: string, unit = 'characters'): string[] {
  const problems: string[] = [];
  if (value.length > longest) problems.push(`must be no more than ${longest} ${unit}`);
  if (!new RegExp(`^${pattern}$`).test(value)) problems.push(message);
  return problems;
}
