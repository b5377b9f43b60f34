import path from 'node:path';
import type * as vscode from 'vscode';
import { type GraphEdit, isPictureName, type PathParam, pictureFormatNames } from '../../graph';
import { plainLine } from '../../protocol/foreignText';
import { type PickedFiles } from '../runs/pickedFiles';
import { ask } from '../window';
import { mayRead, rememberPick } from './graphContext';
import { droppedFile, isPictureUri, pathInGraph } from './graphFiles';

/** Distance between the nodes that several pictures dropped at once become. */
const STEP = 40;

export interface Dropped {
  /** The files that may be used. */
  files: vscode.Uri[];
  /** A sentence when something was not taken. */
  refused?: string;
}

/**
 * The files among what the page says was dropped on it. The page can say so of any file, and one that is taken may be read by every run
 * of this workspace from then on: for one outside the workspace VS Code asks the user first.
 */
export async function droppedFiles(
  graph: vscode.Uri,
  texts: readonly string[],
  picked: PickedFiles,
  field?: PathParam,
): Promise<Dropped> {
  const fits = (file: vscode.Uri): boolean => fitsField(file, field);
  const uris = texts.map(droppedFile);
  const files = uris.filter((uri) => uri !== undefined);
  const elsewhere =
    files.length < uris.length
      ? 'The dropped item is not a file on this machine. Copy it into the workspace.'
      : undefined;
  const outside = files.filter((file) => fits(file) && !mayRead(graph, file, picked));
  const inside = files.filter((file) => fits(file) && !outside.includes(file));
  for (const file of inside) await rememberPick(graph, file, picked);
  if (outside.length === 0) return { files, refused: elsewhere };
  const names = outside.map((file) => path.basename(file.fsPath)).join(', ');
  const allow = 'Allow';
  const answer = await ask.warning(
    {
      message: `Allow graphs in this workspace to read ${outside.length === 1 ? names : `${outside.length} files`}?`,
      detail: [
        'You dropped these files from outside the workspace:',
        ...outside.map((file) => plainLine(file.fsPath)),
      ].join('\n'),
    },
    allow,
  );
  if (answer === allow) {
    for (const file of outside) await rememberPick(graph, file, picked);
    return { files, refused: elsewhere };
  }
  return {
    files: files.filter((file) => !outside.includes(file)),
    refused: `${names} was not added because it is outside the workspace. Copy it into the workspace, or allow it.`,
  };
}

const isPictureField = ({ filter }: PathParam): boolean => filter.extensions.some((each) => isPictureName(`.${each}`));

/** Whether a field takes a file of that name; the canvas takes pictures. */
function fitsField(file: vscode.Uri, field: PathParam | undefined): boolean {
  if (field === undefined || isPictureField(field)) return isPictureUri(file);
  return field.filter.extensions.includes(path.extname(file.path).slice(1).toLowerCase());
}

/** Dropped files as edits: a value for the field they were dropped on, or an image node for each picture. */
export function droppedEdits(
  graph: vscode.Uri,
  files: readonly vscode.Uri[],
  [x, y]: [number, number],
  target: { node?: string; param?: string; field?: PathParam },
): { edits: GraphEdit[]; refused?: string } {
  const edits: GraphEdit[] = [];
  let refused: string | undefined;
  for (const file of files) {
    const base = path.basename(file.fsPath);
    const { field } = target;
    const name = fitsField(file, field) ? pathInGraph(graph, file) : undefined;
    if (name === undefined) {
      refused = fitsField(file, field)
        ? `${base} is on another drive. Copy it next to the graph.`
        : field !== undefined && !isPictureField(field)
          ? `${base} is not a file for ${field.label}. Drop a file that ends in ${field.filter.extensions.map((each) => `.${each}`).join(' or ')}.`
          : `${base} is not an image that Weft reads. Drop ${pictureFormatNames} files; convert others to PNG first.`;
      continue;
    }
    if (target.node !== undefined && target.param !== undefined) {
      edits.push({ kind: 'setParam', id: target.node, param: target.param, value: name });
      break;
    }
    const position: [number, number] = [Math.round(x) + edits.length * STEP, Math.round(y) + edits.length * STEP];
    edits.push({ kind: 'addNode', type: 'image', params: { path: name }, position });
  }
  return { edits, refused };
}
