// The blocks of the visual editor: in the brand's colours, or in those of our starters, without pictures of anybody's.
const data = document.getElementById("brand-data");
const brand = data ? JSON.parse(data.textContent) : {};
const main = brand.main || "#2b5fd9";
const onMain = brand.on_main || "#ffffff";
const ink = brand.text || "#2b3242";
const heading = brand.heading || "#171b26";
const someLinks = ["Instagram", "LinkedIn", "YouTube"].map((name) => `<a href="https://example.com/">${name}</a>`).join(" · ");
const section = (inner, more = "") => `<mj-section background-color="#ffffff"${more}>${inner}</mj-section>`;
const column = (inner, more = "") => `<mj-column${more}>${inner}</mj-column>`;
const text = (inner, more = "") => `<mj-text font-size="16px" line-height="26px" color="${ink}"${more}>${inner}</mj-text>`;
const button = `<mj-button background-color="${main}" color="${onMain}" border-radius="8px" font-size="16px" inner-padding="14px 32px" href="https://example.com/">Read more</mj-button>`;
const image = '<mj-image src="https://example.com/image.png" alt="Say what the image shows"></mj-image>';
const small = ' font-size="13px" line-height="20px" color="#586174"';

const all = [
  ["Structure", "1 column", section(column(text("Write here.")))],
  ["Structure", "2 columns", section(column(text("Left")) + column(text("Right")))],
  ["Structure", "3 columns", section(column(text("One")) + column(text("Two")) + column(text("Three")))],
  ["Content", "Text", text("Write here.")],
  ["Content", "Heading", `<mj-text font-size="26px" line-height="34px" font-weight="bold" color="${heading}">A heading</mj-text>`],
  ["Content", "Button", button],
  ["Content", "Image", image],
  ["Content", "Divider", '<mj-divider border-width="1px" border-color="#d9dee8"></mj-divider>'],
  ["Content", "Spacer", '<mj-spacer height="24px"></mj-spacer>'],
  ["Ready-made", "Header", brand.logo || section(column(`<mj-text align="center" font-size="20px" font-weight="bold" color="${heading}">{{company}}</mj-text>`), ' padding="24px"')],
  ["Ready-made", "Product", section(column(image, ' width="40%"') + column(`${text("<strong>Product</strong><br>What is good about it.")}${button.replace("Read more", "See it")}`, ' width="60%"'))],
  ["Ready-made", "Social links", section(column(`<mj-text align="center"${small}>${brand.social || someLinks}</mj-text>`))],
  ["Ready-made", "Footer", section(column(`<mj-text align="center"${small}><a href="{{unsubscribe_url}}">Unsubscribe</a> · <a href="{{preferences_url}}">Your choices</a><br>{{company}}, {{postal_address}}</mj-text>`))],
];

// Where a block goes that was not dragged: after what is chosen, or after the last that may stand beside its like.
export function place(editor, content) {
  const inColumn = !content.startsWith("<mj-section");
  const fits = (component) => (inColumn ? component.parent()?.get("tagName") === "mj-column" : component.parent()?.get("tagName") === "mj-body");
  let after = editor.getSelected();
  while (after && !fits(after)) after = after.parent();
  after ??= editor.getWrapper().find("*").filter(fits).at(-1);
  if (!after) return;
  const [added] = after.parent().append(content, { at: after.index() + 1 });
  editor.select(added);
}

export function blocks(editor) {
  for (const [category, label, content] of all) {
    const id = label.toLowerCase().replace(/\s+/g, "-");
    editor.Blocks.add(id, { label, category, content, select: true, attributes: { role: "button", tabindex: "0", "aria-label": label, "data-block": id } });
  }
  const bar = document.getElementById("visual-blocks");
  bar.addEventListener("keydown", (event) => {
    const id = event.target.dataset?.block;
    if (!id || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    place(editor, editor.Blocks.get(id).get("content"));
  });
}
