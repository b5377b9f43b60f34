/** The graph document: pure, and shared by the extension host, the engine, the command line and the webview. */
export * from './schema';
export * from './catalogue';
export * from './catalogue/types';
export { DEFAULT_PROMPT, promptText } from './catalogue/prompt';
export { saveFormats } from './catalogue/save';
export { defaultSegmentStep } from './catalogue/segment';
export { checkValue, defaultOf, defaultsFor, effectiveParams, paramOf, pathsRead, sameValue } from './params';
export { checkPath, MAX_NAME_BYTES, pathFault, pickedPathFault, sameFileKey } from './paths';
export {
  formatProblem,
  hasErrors,
  LineIndex,
  MOST_PROBLEMS,
  type Problem,
  type ProblemCode,
  subjectOf,
  withoutPlaces,
} from './problems';
export { parseGraph, type ParsedGraph } from './parse';
export { formatGraph, writeGraph } from './write';
export { applyChanges, type TextChange } from './json-edit';
export { isMuted, nodeOf, outputType, resolveSource, sourcesAt } from './analyse';
export * from './edit';
export { graphEditsSchema } from './edit-schema';
export * from './connect';
export * from './validate';
export { isPictureName, pictureExtensions, pictureFormatNames } from './pictureFormats';
export * from './clipSkip';
export * from './pictureSize';
export * from './places';
export * from './plan';
export * from './swapSliders';
export * from './sweep';
export * from './templates';
export { catalogueMarkdown, graphJsonSchema } from './json-schema';
