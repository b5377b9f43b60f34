import fs from 'node:fs';
import path from 'node:path';
import { environment } from './environment';

/** A folder of its own to open in a window: the example pictures and graphs, and whatever a suite adds. */
export class Workspace {
  readonly folder: string;

  constructor(name: string) {
    this.folder = fs.mkdtempSync(path.join(environment.scratch(), `${name}-`));
    const examples = path.join(environment.root(), 'examples');
    fs.cpSync(examples, this.folder, { recursive: true, filter: (file) => path.basename(file) !== 'weft-out' });
    fs.cpSync(path.join(environment.root(), 'test', 'studio', 'fixtures'), this.folder, { recursive: true });
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  /** A file of the repository. */
  readRoot(name: string): string {
    return fs.readFileSync(path.join(environment.root(), name), 'utf8');
  }

  write(name: string, text: string): void {
    fs.mkdirSync(path.dirname(this.path(name)), { recursive: true });
    fs.writeFileSync(this.path(name), text);
  }

  remove(name: string): void {
    fs.rmSync(this.path(name));
  }

  exists(name: string): boolean {
    return fs.existsSync(this.path(name));
  }
}

/** How many lines of a text are not in another, both ways. */
export function changedLines(before: string, after: string): { removed: string[]; added: string[] } {
  const a = before.split('\n');
  const b = after.split('\n');
  const take = (lines: string[], from: string[]): string[] => {
    const rest = [...from];
    return lines.filter((line) => {
      const index = rest.indexOf(line);
      if (index < 0) return true;
      rest.splice(index, 1);
      return false;
    });
  };
  return { removed: take(a, b), added: take(b, a) };
}
