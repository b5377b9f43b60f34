/** The graph document: pure, and shared by the extension host, the engine, the command line and the webview. */
export * from './schema';
export * from './catalogue';
export * from './catalogue/types';
export { DEFAULT_PROMPT, promptText } from './catalogue/prompt';
export { defaultSegmentStep } from './catalogue/segment';
export { checkValue, defaultOf, defaultsFor, effectiveParams, paramOf, sameValue } from './params';
export { checkPath } from './paths';
export { formatProblem, hasErrors, LineIndex, type Problem, type ProblemCode } from './problems';
export { parseGraph, type ParsedGraph } from './parse';
export { formatGraph, writeGraph } from './write';
export { applyChanges, type TextChange } from './json-edit';
export { isMuted, nodeOf, outputType, resolveSource, sourcesAt } from './analyse';
export * from './edit';
export * from './connect';
export * from './validate';
export * from './plan';
export * from './templates';
export { catalogueMarkdown, graphJsonSchema } from './json-schema';
