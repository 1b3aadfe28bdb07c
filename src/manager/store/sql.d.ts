declare module "*.sql" {
  export const text: string
  export default text
}
