import ts from 'typescript';
import type { SourceFile } from './sources.js';

/** `Class.method` of every public method of every exported class in `files`. */
export function repositoryMethods(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    return source.statements.filter(ts.isClassDeclaration).flatMap((one) => one.members.filter(isPublicMethod).map((method) => `${one.name?.text ?? '?'}.${method.name.getText(source)}`));
  });
}

function isPublicMethod(member: ts.ClassElement): member is ts.MethodDeclaration {
  const hidden = ts.canHaveModifiers(member) && (ts.getModifiers(member) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
  return ts.isMethodDeclaration(member) && !hidden && !ts.isPrivateIdentifier(member.name);
}
