"""Contrast of text by axe-core, asked once for what looks alike.

axe takes two thirds of its time to find what stands behind each text, and the same menus, buttons and lines stand on
every page. What decides is what the browser computed: the text's colour and size, and every background around it. Where
axe passed that once, the next text of this process that has all of it is passed too. What stands over something else by
its position, without a background of its own, is examined each time, and so is whatever axe could not judge.
"""

RULE = "color-contrast"
passed: set[int] = set()
"""Sums of what was seen."""
EXAMINE = """async (within, passed) => {
  const known = new Set(passed), around = new Map(), marks = new Map(), first = new Map(), examined = [];
  const sum = (text) => {  // cyrb53
    let a = 0xdeadbeef, b = 0x41c6ce57;
    for (let place = 0; place < text.length; place++) {
      const code = text.charCodeAt(place);
      a = Math.imul(a ^ code, 2654435761);
      b = Math.imul(b ^ code, 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return 4294967296 * (2097151 & b) + (a >>> 0);
  };
  const behind = (element) => {
    if (!element) return { said: '', isLoose: false };
    let found = around.get(element);
    if (!found) {
      const style = getComputedStyle(element), outer = behind(element.parentElement);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.mixBlendMode].join(' ');
      const isOpaque = style.backgroundImage === 'none' && style.backgroundColor.startsWith('rgb(');
      const moves = style.position !== 'static' && style.position !== 'relative' || style.transform !== 'none';
      found = {
        said: own === 'rgba(0, 0, 0, 0) none 1 normal' ? outer.said : `${outer.said}/${own}`,
        isLoose: !isOpaque && (moves || outer.isLoose),
      };
      around.set(element, found);
    }
    return found;
  };
  const root = document.querySelector(within);
  for (const element of [root, ...root.querySelectorAll('*')]) {
    const isField = /^(input|select|textarea)$/.test(element.localName);
    if (!isField && ![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element), { said, isLoose } = behind(element);
    const text = [element.localName, style.color, style.fontSize, style.fontWeight, style.textShadow, said].join('|');
    const mark = isLoose ? 0 : sum(text);
    if (known.has(mark)) continue;
    marks.set(element, mark);
    if (!mark || !first.has(mark)) examined.push(element);
    first.set(mark, element);
  }
  const found = [], good = new Set();
  const options = {
    runOnly: ['color-contrast'],
    resultTypes: ['violations', 'passes'],
    elementRef: true,
    selectors: false,
    iframes: false,
  };
  const examine = async (include) => {
    if (!include.length) return;
    const { passes, violations } = await axe.run({ include }, options);
    for (const { nodes } of passes)
      for (const { element } of nodes) if (marks.get(element)) good.add(marks.get(element));
    for (const { id, impact, nodes } of violations)
      found.push({ id, impact, nodes: nodes.map(({ html }) => ({ html })) });
  };
  await examine(examined);
  const already = new Set(examined);
  await examine([...marks.keys()].filter((element) => !already.has(element) && !good.has(marks.get(element))));
  return [found, [...good]];
}"""
"""What axe finds in a part of a page, and sums of what passed; of what has one of these sums nothing is asked."""
