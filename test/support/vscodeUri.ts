/** As much of VS Code's Uri as the extension host's own parts need, for tests outside a window. */
import path from 'node:path';

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly authority: string,
    readonly path: string,
  ) {}

  static file(file: string): Uri {
    return new Uri('file', '', file);
  }

  static parse(text: string): Uri {
    const match = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/]*))?(.*)$/i.exec(text);
    if (!match) throw new Error(`not a URI: ${text}`);
    return new Uri(match[1]!, match[2] ?? '', decodeURIComponent(match[3]!));
  }

  static joinPath(uri: Uri, ...parts: string[]): Uri {
    return uri.with({ path: path.posix.join(uri.path, ...parts) });
  }

  with(change: { scheme?: string; path?: string }): Uri {
    return new Uri(change.scheme ?? this.scheme, this.authority, change.path ?? this.path);
  }

  get fsPath(): string {
    return this.authority === '' ? this.path : `//${this.authority}${this.path}`;
  }

  toString(): string {
    return `${this.scheme}://${this.authority}${encodeURI(this.path)}`;
  }
}
