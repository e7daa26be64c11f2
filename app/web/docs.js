/** An optional field starts empty: Swagger UI would make up a value that fits its pattern, and send it. */
const startEmpty = {
  afterLoad({ fn }) {
    const isOptional = (schema) => schema?.get?.("anyOf")?.some((choice) => choice.get("type") === "null");
    const { getSampleSchema } = fn;
    this.fn.getSampleSchema = (schema, ...rest) => (isOptional(schema) ? "" : getSampleSchema(schema, ...rest));
  },
};

/** An empty field means the default, just as none does: nobody needs a switch for sending it. */
const leaveOutEmpty = { wrapComponents: { ParameterIncludeEmpty: () => () => null } };

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [startEmpty, leaveOutEmpty],
});
