/**
 * Whom we trust with paths: a graph comes from strangers, so what it names is read inside its folder and the workspace
 * only, and written below the output folder only, unless the user said otherwise by hand.
 */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pathFault, pickedPathFault } from '../graph';
import { isInside, TrustedFolders } from '../platform/trustedFolders';
import { graphError, type WeftError } from '../protocol/errors';

export interface InputTrust {
  /** Absolute folder of the graph file; relative paths start here. */
  graphFolder: string;
  /** Further absolute folders that may be read, such as the workspace's. */
  roots?: readonly string[];
  /** Absolute paths that the user picked by hand, readable wherever they are. */
  picked?: readonly string[];
  /** The user passed --allow-outside: relative paths may leave the folders. */
  allowOutside?: boolean;
}

/** What a graph's paths are checked against: made once for a graph, whose paths can be many. */
export class Inputs {
  private readonly folders: TrustedFolders;
  private readonly picked: ReadonlySet<string>;

  constructor(private readonly trust: InputTrust) {
    this.folders = new TrustedFolders(trust.graphFolder, trust.roots);
    this.picked = new Set((trust.picked ?? []).map((file) => path.resolve(file)));
  }

  /** Whether the user picked this very file. */
  isPicked(relativePath: string): boolean {
    return (
      this.picked.size > 0 && this.folders.candidates(relativePath).some((candidate) => this.picked.has(candidate))
    );
  }

  /** Whether a file is missing, as far as a graph may know: of what lies outside nothing is said, and nothing is asked of the disk. */
  isMissing(relativePath: string): boolean {
    if (this.isPicked(relativePath)) return false;
    return pathFault(relativePath, 'read') === undefined && this.folders.find(relativePath).state === 'missing';
  }

  /**
   * The real, absolute path of something a graph reads. Throws a graph error when the path is malformed, leaves what is
   * trusted (by `..` or by a symbolic link), or names nothing. What is outside is refused before the disk is asked, so
   * that a graph can't find out what exists there.
   */
  async resolve(relativePath: string): Promise<string> {
    const picked = this.isPicked(relativePath);
    const fault = picked ? pickedPathFault(relativePath) : pathFault(relativePath, 'read');
    if (fault) {
      throw graphError(`The path ${quote(relativePath)} ${fault.is}. Give a path relative to the graph file.`);
    }
    if (picked || this.trust.allowOutside) {
      return realpath(path.resolve(this.trust.graphFolder, relativePath)).catch((error: unknown) => {
        throw unreachable(relativePath, (error as NodeJS.ErrnoException).code ?? String(error));
      });
    }
    const found = this.folders.find(relativePath);
    switch (found.state) {
      case 'there':
        return found.real;
      case 'missing':
        throw unreachable(relativePath, 'ENOENT');
      case 'link-loop':
        throw unreachable(relativePath, 'ELOOP');
      case 'denied':
        throw unreachable(relativePath, found.reason);
      case 'outside':
        throw outside(relativePath, 'leaves the folder of the graph and the workspace');
      case 'link-outside':
        throw outside(relativePath, 'follows a symbolic link out of the folder of the graph and the workspace');
    }
  }
}

/** {@link Inputs.resolve} of one path. */
export const resolveInput = (relativePath: string, trust: InputTrust): Promise<string> =>
  new Inputs(trust).resolve(relativePath);

export interface OutputTrust {
  /** Absolute folder that results go to; it and folders in between need not exist. */
  outDir: string;
  /** The user named that folder: it may be anywhere. */
  outDirNamed?: boolean;
  /** Where the output folder lies unless the user named another: a link there may come from a stranger. */
  graphFolder?: string;
  roots?: readonly string[];
  /** Absolute paths that the user picked by hand: names that don't travel to every machine are fine there. */
  picked?: readonly string[];
}

/**
 * The real path of the output folder. Throws a graph error when it lies in the folder of the graph or the workspace and a symbolic link
 * leads out of them: whoever made the folder could have any file replaced.
 */
export async function resolveOutputFolder(trust: OutputTrust): Promise<string> {
  const { outDir, graphFolder } = trust;
  const lexical = path.resolve(outDir);
  if (trust.outDirNamed !== true && graphFolder !== undefined) {
    // A workspace may hold others' folders beside the graph's: a link there does not lead to them.
    const beside = new TrustedFolders(graphFolder);
    const direct = beside.find(lexical);
    const found = direct.state === 'outside' ? new TrustedFolders(graphFolder, trust.roots).find(lexical) : direct;
    if (found.state === 'there' || found.state === 'missing') return found.real;
    if (found.state === 'link-outside' || found.state === 'link-loop')
      throw graphError(
        `The output folder ${outDir} ${found.state === 'link-loop' ? 'is a symbolic link that points at itself' : 'passes a symbolic link out of the folder that it lies in'}. Remove the link, or name the output folder yourself.`,
      );
  }
  return realpath(lexical).catch(() => lexical);
}

/**
 * The absolute path that a graph may write, below the output folder. Throws a graph error when the path is malformed, has a `..`,
 * names a folder, or passes a symbolic link that leaves the output folder.
 */
export async function resolveOutput(relativePath: string, where: string | OutputTrust): Promise<string> {
  const trust = typeof where === 'string' ? { outDir: where } : where;
  const refuse = (reason: string) =>
    graphError(
      `The output path ${quote(relativePath)} ${reason}. Give a file name, or folders and a name, below the output folder.`,
    );
  const picked = (trust.picked ?? []).includes(path.resolve(trust.outDir, relativePath));
  const fault = picked ? pickedPathFault(relativePath) : pathFault(relativePath, 'write', process.platform === 'win32');
  if (fault) throw refuse(fault.is);
  const root = await resolveOutputFolder(trust);
  const target = path.resolve(root, relativePath);
  if (target === root || !isInside(root, target)) throw refuse('names no file below the output folder');
  const { state } = new TrustedFolders(root).find(relativePath);
  if (state === 'outside' || state === 'link-outside') {
    // An output folder that is not there yet holds no links.
    if (await exists(root)) throw refuse('passes a symbolic link out of the output folder');
  }
  if (state === 'link-loop') throw refuse('is a symbolic link that points at itself');
  const existing = await lstat(target).catch(() => undefined);
  if (existing?.isDirectory()) throw refuse('names a folder that exists');
  return target;
}

const exists = (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  );

function outside(relativePath: string, what: string): WeftError {
  return graphError(
    `The path ${quote(relativePath)} ${what}. Copy the file beside the graph, pick it by hand, or pass --allow-outside.`,
  );
}

function unreachable(relativePath: string, code: string): WeftError {
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return graphError(`${quote(relativePath)} does not exist. Paths are relative to the graph file.`);
  }
  if (code === 'ELOOP') return graphError(`${quote(relativePath)} is a symbolic link that points at itself.`);
  return graphError(`${quote(relativePath)} can't be read (${code}).`);
}

/** As in JSON, so that control characters of a hostile path don't reach a terminal. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
