"""What the AWS account needs, as a list of descriptions: compare, make the difference true, take it away again.

`catalogue` describes, `kinds` read and write one kind of resource each, `engine` compares and acts. The same
descriptions become a CloudFormation template (`cloudformation`) and the policies for keys (`policies`).
"""
