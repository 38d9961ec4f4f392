/** URL paths to methods, by the templates of google.api.http: fixed segments and `{name}`, of which fixed ones win. */
import type { HttpBinding, Method } from './descriptors.js';

export interface Match {
  readonly method: Method;
  readonly binding: HttpBinding;
  /** Values of the path's variables, by field path. */
  readonly variables: ReadonlyMap<string, string>;
}

interface Leaf {
  readonly method: Method;
  readonly binding: HttpBinding;
  /** Names of the variables, in order. */
  readonly names: readonly string[];
}

class TrieNode {
  readonly fixed = new Map<string, TrieNode>();
  variable: TrieNode | undefined;
  /** By verb. */
  readonly leaves = new Map<string, Leaf>();
}

const VARIABLE = /^\{([a-z0-9_.]+)\}$/i;

export class Routes {
  readonly #root = new TrieNode();

  constructor(methods: Iterable<Method>) {
    for (const method of methods) for (const binding of method.bindings) this.#add(method, binding);
  }

  /** @param path as it stands in the URL, without the query; segments are decoded here, after they are told apart. */
  match(verb: string, path: string): Match | undefined {
    const segments = segmentsOf(path);
    if (segments === undefined) return undefined;
    const found = find(this.#root, segments, 0, verb === 'HEAD' ? 'GET' : verb, []);
    if (found === undefined) return undefined;
    const { leaf, values } = found;
    return { method: leaf.method, binding: leaf.binding, variables: new Map(leaf.names.map((name, index) => [name, values[index] ?? ''])) };
  }

  /** Where two templates differ only in the names of their variables, the later one counts, as in the SDK's gateway. */
  #add(method: Method, binding: HttpBinding): void {
    const names: string[] = [];
    let node = this.#root;
    for (const part of binding.template.split('/').slice(1)) {
      const name = VARIABLE.exec(part)?.[1];
      if (name === undefined && /[{}*]/.test(part)) throw new Error(`${method.path}: template ${binding.template} is of a kind that is not read here`);
      if (name === undefined) {
        let next = node.fixed.get(part);
        if (next === undefined) node.fixed.set(part, (next = new TrieNode()));
        node = next;
      } else {
        names.push(name);
        node = node.variable ??= new TrieNode();
      }
    }
    node.leaves.set(binding.verb, { method, binding, names });
  }
}

function find(node: TrieNode, segments: readonly string[], at: number, verb: string, values: readonly string[]): { leaf: Leaf; values: readonly string[] } | undefined {
  const segment = segments[at];
  if (segment === undefined) {
    const leaf = node.leaves.get(verb);
    return leaf === undefined ? undefined : { leaf, values };
  }
  const fixed = node.fixed.get(segment);
  const byFixed = fixed === undefined ? undefined : find(fixed, segments, at + 1, verb, values);
  if (byFixed !== undefined || node.variable === undefined || segment === '') return byFixed;
  return find(node.variable, segments, at + 1, verb, [...values, segment]);
}

/** Nothing for a path that is not well encoded. */
function segmentsOf(path: string): string[] | undefined {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  try {
    return trimmed.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
